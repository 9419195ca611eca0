using System.Xml.Linq;

namespace OrleansGeo.Tests.Architecture;

/// <summary>A project file, as far as the rules care. Paths are relative to the root and use forward slashes.</summary>
public sealed record ProjectFile(string Path, XElement Xml)
{
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    public string Folder => System.IO.Path.GetDirectoryName(Path)!.Replace('\\', '/');

    public bool IsTest => Path.StartsWith("Tests/", StringComparison.Ordinal);

    public string? Kind => (string?)Xml.Descendants("ProjectKind").FirstOrDefault();

    /// <summary>Names of the projects it references; those that are only built first do not count.</summary>
    public IReadOnlyList<string> References =>
        [.. Xml.Descendants("ProjectReference")
            .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
            .Select(reference => NameOf((string)reference.Attribute("Include")!))];

    public IReadOnlyList<XElement> Packages => [.. Xml.Descendants("PackageReference")];

    public bool UsesOrleans => Packages.Any(package => Arrows.IsOrleans((string?)package.Attribute("Include") ?? ""));

    public static ProjectFile Parse(string path, string xml) => new(path, XElement.Parse(xml));

    private static string NameOf(string include) => System.IO.Path.GetFileNameWithoutExtension(include.Replace('\\', '/'));
}

/// <summary>A text file of the repository.</summary>
public sealed record TextFile(string Path, string Text)
{
    public IReadOnlyList<string> Lines => Text.Split('\n');
}

/// <summary>The work tree the tests were built from, without what builds leave in it.</summary>
public sealed class Repository
{
    private static readonly string[] s_skipped =
        ["bin", "obj", "artifacts", ".git", ".vs", ".idea", "TestResults", "BenchmarkDotNet.Artifacts"];

    private static readonly Lazy<Repository> s_current = new(() => new Repository(FindRoot()));

    private Repository(string root)
    {
        Root = root;
        Files = [.. Walk(root).Select(Relative).Order(StringComparer.Ordinal)];
        Projects = [.. TextFiles(".csproj").Select(file => ProjectFile.Parse(file.Path, file.Text))];
        Sources = [.. TextFiles(".cs")];
    }

    public static Repository Current => s_current.Value;

    public string Root { get; }

    public IReadOnlyList<string> Files { get; }

    public IReadOnlyList<ProjectFile> Projects { get; }

    public IReadOnlyList<TextFile> Sources { get; }

    public IEnumerable<TextFile> TextFiles(string extension) =>
        Files.Where(file => file.EndsWith(extension, StringComparison.Ordinal)).Select(file => new TextFile(file, Read(file)));

    public string Read(string path) => File.ReadAllText(Path.Combine(Root, path)).ReplaceLineEndings("\n");

    public bool Exists(string path) => File.Exists(Path.Combine(Root, path)) || Directory.Exists(Path.Combine(Root, path));

    /// <summary>The assembly of a project, built in the configuration of this test; null when it was not built.</summary>
    public string? AssemblyOf(ProjectFile project)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.Combine(Root, project.Folder, "bin", output.Parent!.Name, output.Name, project.Name + ".dll");
        return File.Exists(path) ? path : null;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OrleansGeo.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no folder above {AppContext.BaseDirectory} holds OrleansGeo.sln");
    }

    private static IEnumerable<string> Walk(string folder) =>
        Directory.EnumerateFiles(folder)
            .Concat(Directory.EnumerateDirectories(folder).Where(child => !s_skipped.Contains(Path.GetFileName(child))).SelectMany(Walk));

    private string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');
}
