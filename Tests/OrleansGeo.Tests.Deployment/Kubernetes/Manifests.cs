using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using YamlDotNet.RepresentationModel;

namespace OrleansGeo.Tests.Deployment.Kubernetes;

/// <summary>What Kubernetes would be given: a folder of <c>infra/k8s</c> as kubectl renders it.</summary>
public static class Manifests
{
    private static readonly ConcurrentDictionary<string, IReadOnlyList<YamlNode>> s_rendered = new(StringComparer.Ordinal);

    /// <summary>The repository.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", ".."));

    /// <summary>The overlay of each region.</summary>
    public static IReadOnlyList<string> Regions { get; } =
        [.. Directory.GetDirectories(Path.Combine(Root, "infra/k8s/overlays")).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    /// <summary>All resources of a folder below <c>infra/k8s</c>; skips the test where there is no kubectl.</summary>
    public static IReadOnlyList<YamlNode> Render(string folder) => s_rendered.GetOrAdd(folder, static folder =>
    {
        var (code, output, errors) = Kubectl(folder);
        Assert.True(code == 0, $"kubectl kustomize infra/k8s/{folder}: {errors}");
        return Parse(output);
    });

    /// <summary>YAML documents.</summary>
    public static IReadOnlyList<YamlNode> Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(static document => document.RootNode)];
    }

    /// <summary>The text of a file below <c>infra/k8s</c>.</summary>
    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, "infra/k8s", path));

    private static (int Code, string Output, string Errors) Kubectl(string folder)
    {
        var start = new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(Root, "infra/k8s", folder)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            using var kubectl = Process.Start(start)!;
            var errors = kubectl.StandardError.ReadToEndAsync();
            var output = kubectl.StandardOutput.ReadToEnd();
            kubectl.WaitForExit();
            return (kubectl.ExitCode, output, errors.Result);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("NOT TESTED: kubectl is not installed, so no Kubernetes manifest was rendered or looked at.");
            throw;
        }
    }

    private static string Here([CallerFilePath] string path = "") => path;
}

/// <summary>Finding things in YAML by paths such as <c>spec.template.spec</c>.</summary>
public static class YamlPaths
{
    private static readonly YamlMappingNode s_nothing = [];

    /// <summary>The node at a path, if it is there.</summary>
    public static YamlNode? At(this YamlNode node, string path)
    {
        var at = node;
        foreach (var name in path.Split('.'))
        {
            if (at is not YamlMappingNode map || !map.Children.TryGetValue(new YamlScalarNode(name), out var next))
            {
                return null;
            }

            at = next;
        }

        return at;
    }

    /// <summary>The text at a path.</summary>
    public static string? Text(this YamlNode node, string path) => (node.At(path) as YamlScalarNode)?.Value;

    /// <summary>The items of the list at a path; none where there is no list.</summary>
    public static IReadOnlyList<YamlNode> Items(this YamlNode node, string path) =>
        node.At(path) is YamlSequenceNode list ? [.. list.Children] : [];

    /// <summary>The names and texts of the map at a path; none where there is no map.</summary>
    public static IReadOnlyDictionary<string, string> Map(this YamlNode node, string path) => (node.At(path) ?? s_nothing).Pairs();

    /// <summary>Names and texts.</summary>
    public static IReadOnlyDictionary<string, string> Pairs(this YamlNode map) => ((YamlMappingNode)map).Children.ToDictionary(
        static pair => ((YamlScalarNode)pair.Key).Value!, static pair => (pair.Value as YamlScalarNode)?.Value ?? "",
        StringComparer.Ordinal);

    /// <summary>The resources of a kind.</summary>
    public static IEnumerable<YamlNode> Of(this IEnumerable<YamlNode> resources, string kind) =>
        resources.Where(resource => resource.Text("kind") == kind);

    /// <summary>Its name.</summary>
    public static string Name(this YamlNode resource) => resource.Text("metadata.name")!;
}
