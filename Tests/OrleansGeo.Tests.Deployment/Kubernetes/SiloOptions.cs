using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Deployment.Kubernetes;

/// <summary>
/// The options that geo-silo knows, read from its source: it stands on Orleans, and these tests run where that cannot be restored.
/// </summary>
public static partial class SiloOptions
{
    private static readonly string s_source = string.Join(
        '\n',
        Directory.GetFiles(Path.Combine(Manifests.Root, "Silo/OrleansGeo.Silo"), "*.cs")
            .Append(Path.Combine(Manifests.Root, "Api/OrleansGeo.Api/Access/KeyCommand.cs")).Select(File.ReadAllText));

    /// <summary>All options, as <c>--name</c>.</summary>
    public static IReadOnlySet<string> All { get; } = Found(Declared());

    /// <summary>Those that an environment variable gives too, by the variable.</summary>
    public static IReadOnlyDictionary<string, string> ByVariable { get; } = Found(DeclaredWithVariable()).ToDictionary(
        static option => "GEO_" + option[2..].Replace('-', '_').ToUpperInvariant(), static option => option, StringComparer.Ordinal);

    /// <summary>How long the process takes to stop, without what it drains.</summary>
    public static int StopSeconds { get; } = int.Parse(
        Stop().Match(s_source).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The commands.</summary>
    public static IReadOnlySet<string> Commands { get; } = Found(Command());

    private static HashSet<string> Found(Regex pattern) =>
        [.. pattern.Matches(s_source).Select(static match => match.Groups[1].Value)];

    [GeneratedRegex("(?:Text|Number|Lines|new Option<[^>]+>|new|Variable)\\(\\s*\"(--[a-z-]+)\"")]
    private static partial Regex Declared();

    [GeneratedRegex("(?:Text|Number|Lines|Variable)\\(\\s*\"(--[a-z-]+)\"")]
    private static partial Regex DeclaredWithVariable();

    [GeneratedRegex("s_shutdown = TimeSpan.FromSeconds\\((\\d+)\\)")]
    private static partial Regex Stop();

    [GeneratedRegex("new Command\\(\"([a-z]+)\"")]
    private static partial Regex Command();
}
