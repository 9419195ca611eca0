using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Api.Metrics;

/// <summary>Names in a query of Prometheus, held against the list of metrics. Of its words it knows those that are used here.</summary>
public static partial class PromQuery
{
    private static readonly HashSet<string> s_words = new(
        [
            "sum", "max", "min", "rate", "increase", "histogram_quantile", "by", "ignoring", "group_left", "label_values",
        ],
        StringComparer.Ordinal);

    // What a scrape adds.
    private static readonly string[] s_scraped = ["instance", "job"];

    /// <summary>What is wrong with a query.</summary>
    public static IEnumerable<string> Check(string query, IReadOnlyDictionary<string, ListedMetric> list)
    {
        var names = Name().Matches(Bare(query)).Select(static match => match.Value).Where(name => !s_words.Contains(name)).ToArray();
        var metrics = new List<ListedMetric>();
        foreach (var name in names.Where(static name => name.Contains('_', StringComparison.Ordinal)).Distinct(StringComparer.Ordinal))
        {
            if (Find(name, list) is { } metric)
            {
                metrics.Add(metric);
            }
            else
            {
                yield return $"there is no metric {name}";
            }
        }

        if (metrics.Count == 0)
        {
            yield return "no metric is asked for";
        }

        foreach (var name in names.Where(static name => !name.Contains('_', StringComparison.Ordinal)))
        {
            yield return $"{name} is neither a metric nor a word that is known here";
        }

        foreach (Match selector in Selector().Matches(query))
        {
            var metric = Find(selector.Groups["name"].Value, list);
            foreach (Match matcher in Matcher().Matches(selector.Groups["matchers"].Value))
            {
                if (metric is not null && !LabelsOf(metric).Contains(matcher.Groups["label"].Value))
                {
                    yield return $"{metric.Name} has no label {matcher.Groups["label"].Value}";
                }
            }
        }

        // A grouping is by labels that everything asked for has.
        foreach (var label in Grouping().Matches(query).SelectMany(static match => match.Groups["labels"].Value.Split(',')).Select(
            static label => label.Trim()))
        {
            foreach (var metric in metrics.Where(metric => !LabelsOf(metric).Contains(label)))
            {
                yield return $"{metric.Name} has no label {label}";
            }
        }
    }

    /// <summary>Labels that a legend or a summary names.</summary>
    public static IEnumerable<string> LabelsIn(string text) =>
        Placeholder().Matches(text).Select(static match => match.Groups["label"].Value);

    /// <summary>Every label of what a query asks for.</summary>
    public static IEnumerable<string> LabelsOf(string query, IReadOnlyDictionary<string, ListedMetric> list) =>
        Name().Matches(Bare(query)).Select(match => Find(match.Value, list)).OfType<ListedMetric>().SelectMany(LabelsOf);

    private static IEnumerable<string> LabelsOf(ListedMetric metric)
    {
        var isNodes = metric.Name.StartsWith("orleansgeo_", StringComparison.Ordinal)
            && !metric.Name.StartsWith("orleansgeo_membership", StringComparison.Ordinal);
        string[] bound = metric.Kind == "histogram" ? ["le"] : [];
        return [.. metric.Labels, .. metric.OptionalLabels, .. bound, .. s_scraped, .. isNodes ? MetricsList.NodeLabels : []];
    }

    // A distribution is asked for by its parts, and nothing else has them.
    private static ListedMetric? Find(string name, IReadOnlyDictionary<string, ListedMetric> list)
    {
        if (list.TryGetValue(name, out var metric))
        {
            return metric.Kind == "histogram" ? null : metric;
        }

        return Part().Match(name) is { Success: true } part && list.TryGetValue(part.Groups["name"].Value, out metric)
            && metric.Kind == "histogram" ? metric : null;
    }

    // Without what stands in braces and brackets, without groupings and numbers.
    private static string Bare(string query) =>
        Grouping().Replace(Label().Replace(Window().Replace(Braces().Replace(query, ""), ""), "$1"), " ");

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Braces();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Window();

    [GeneratedRegex(@"(label_values\([a-z_]+), [a-z_]+\)")]
    private static partial Regex Label();

    [GeneratedRegex(@"\b(by|ignoring|group_left) ?\((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Grouping();

    [GeneratedRegex(@"(?<![\w.])[a-zA-Z_][a-zA-Z0-9_]*")]
    private static partial Regex Name();

    [GeneratedRegex(@"(?<name>[a-zA-Z_][a-zA-Z0-9_]*)\{(?<matchers>[^}]*)\}")]
    private static partial Regex Selector();

    [GeneratedRegex("""(?<label>[a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)"[^"]*"(,|$)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Matcher();

    [GeneratedRegex(@"^(?<name>.*)_(bucket|sum|count)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Part();

    [GeneratedRegex(@"\{\{ ?(\$labels\.)?(?<label>[a-z_]+) ?\}\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Placeholder();
}
