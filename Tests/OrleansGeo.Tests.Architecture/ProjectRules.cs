using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace OrleansGeo.Tests.Architecture;

/// <summary>How projects are declared, listed and pinned.</summary>
public static partial class ProjectRules
{
    private static readonly string[] s_kinds = ["Pure", "Port", "Engine", "Edge", "Test"];
    private static readonly string[] s_kindsWithBans = ["Pure", "Engine"];

    /// <summary>A project says its kind, and a kind that is bound by bans has its list.</summary>
    public static IEnumerable<string> Kind(ProjectFile project, Func<string, bool> exists) => project.Kind switch
    {
        null => [$"{project.Path} declares no ProjectKind"],
        var kind when !s_kinds.Contains(kind) => [$"{project.Path} declares a ProjectKind which is none of {string.Join(", ", s_kinds)}"],
        var kind when project.IsTest != (kind == "Test") => [$"{project.Path} declares the ProjectKind {kind} in this folder"],
        var kind when s_kindsWithBans.Contains(kind) && !exists($"eng/BannedSymbols.{kind}.txt") => [$"{project.Path} has no ban list"],
        _ => [],
    };

    /// <summary>Every project is in the solution, and in the filter exactly when neither it nor what it stands on needs Orleans.</summary>
    public static IEnumerable<string> Listed(IReadOnlyList<ProjectFile> projects, string solution, string filter)
    {
        var inSolution = PathsIn(solution);
        var inFilter = PathsIn(filter);
        foreach (var project in projects)
        {
            if (!inSolution.Contains(project.Path))
            {
                yield return $"{project.Path} is not in the solution";
            }

            if (inFilter.Contains(project.Path) == NeedsOrleans(project, projects))
            {
                var wrong = inFilter.Contains(project.Path) ? "is in the filter but needs Orleans" : "is not in the filter";
                yield return $"{project.Path} {wrong}";
            }
        }

        foreach (var path in inSolution.Union(inFilter).Where(path => projects.All(project => project.Path != path)))
        {
            yield return $"{path} is listed and does not exist";
        }
    }

    /// <summary>A central version is one version, written out.</summary>
    public static IEnumerable<string> InexactVersions(string packagesProps) =>
        XElement.Parse(packagesProps).Descendants("PackageVersion")
            .Where(package => !ExactVersion().IsMatch((string?)package.Attribute("Version") ?? ""))
            .Select(package => $"{(string?)package.Attribute("Include")} has a version that is not exact");

    /// <summary>Versions stand in one place.</summary>
    public static IEnumerable<string> OwnVersions(ProjectFile project) =>
        project.Packages.Where(package => package.Attribute("Version") is not null || package.Attribute("VersionOverride") is not null)
            .Select(package => $"{project.Path} gives {(string?)package.Attribute("Include")} a version of its own");

    /// <summary>What is restored is pinned to the last package. What needs Orleans is locked where a feed has it.</summary>
    public static IEnumerable<string> Unlocked(ProjectFile project, string filter, Func<string, bool> exists) =>
        PathsIn(filter).Contains(project.Path) && !exists($"{project.Folder}/packages.lock.json")
            ? [$"{project.Path} has no lock file"]
            : [];

    /// <summary>Source files that belong to no project, or to one that leaves them out.</summary>
    public static IEnumerable<string> NotCompiled(IReadOnlyList<ProjectFile> projects, IEnumerable<string> sources) =>
        sources.Where(source => projects.Count(project => source.StartsWith(project.Folder + "/", StringComparison.Ordinal)) != 1)
            .Select(source => $"{source} is in no project of its own")
            .Concat(projects.Where(LeavesOut).Select(project => $"{project.Path} leaves source files out"));

    private static bool LeavesOut(ProjectFile project) =>
        project.Xml.Descendants("Compile").Any(item => item.Attribute("Remove") is not null || item.Attribute("Exclude") is not null)
        || project.Xml.Descendants("EnableDefaultCompileItems").Concat(project.Xml.Descendants("EnableDefaultItems")).Any();

    private static bool NeedsOrleans(ProjectFile project, IReadOnlyList<ProjectFile> projects) =>
        project.UsesOrleans || projects.Where(other => project.References.Contains(other.Name)).Any(other => NeedsOrleans(other, projects));

    // A filter is JSON, in which a backslash is doubled.
    private static HashSet<string> PathsIn(string list) =>
        [.. QuotedProject().Matches(list).Select(match => match.Groups[1].Value.Replace(@"\\", "/").Replace('\\', '/'))];

    [GeneratedRegex("\"([^\"]*\\.csproj)\"")]
    private static partial Regex QuotedProject();

    [GeneratedRegex(@"^\d+\.\d+\.\d+(\.\d+)?(-[0-9A-Za-z.-]+)?$")]
    private static partial Regex ExactVersion();
}
