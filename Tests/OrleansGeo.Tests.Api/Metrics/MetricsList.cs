using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace OrleansGeo.Tests.Api.Metrics;

/// <summary>A row of the list of metrics. A label with a question mark behind it is not on every series.</summary>
public sealed record ListedMetric(
    string Name, string Instrument, string Kind, string Unit, ImmutableArray<string> Labels, ImmutableArray<string> OptionalLabels,
    string Meaning);

/// <summary>The checked-in list of every metric: the tables of docs/metrics.md.</summary>
public static class MetricsList
{
    /// <summary>What every metric of a node carries besides its own labels.</summary>
    public static readonly ImmutableArray<string> NodeLabels = ["node", "region", "zone"];

    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", ".."));

    public static ImmutableArray<ListedMetric> Read() =>
    [
        .. File.ReadAllLines(Path.Combine(Root, "docs", "metrics.md"))
            .Where(static line => line.StartsWith("| `", StringComparison.Ordinal) && line.Count(static c => c == '|') == 7)
            .Select(static line => line.Trim('|').Split('|').Select(static cell => cell.Trim()).ToArray())
            .Select(static cells => new ListedMetric(
                Bare(cells[0]), Bare(cells[1]), cells[2], Bare(cells[3]),
                [.. Names(cells[4]).Where(static name => !name.EndsWith('?'))],
                [.. Names(cells[4]).Where(static name => name.EndsWith('?')).Select(static name => name.TrimEnd('?'))], cells[5])),
    ];

    private static IEnumerable<string> Names(string cell) =>
        cell.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Bare);

    private static string Bare(string cell) => cell.Replace("`", "", StringComparison.Ordinal);

    private static string Here([CallerFilePath] string path = "") => path;
}
