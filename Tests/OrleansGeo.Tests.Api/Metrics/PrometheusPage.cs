using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Api.Metrics;

/// <summary>One line of a page: a number with its labels, in their order.</summary>
public sealed record Sample(string Name, ImmutableArray<(string Name, string Value)> Labels, double Value)
{
    public string? this[string label] => Labels.FirstOrDefault(one => one.Name == label).Value;
}

/// <summary>What stands behind one HELP and TYPE.</summary>
public sealed record Family(string Name, string Kind, string Help, ImmutableArray<Sample> Samples);

/// <summary>
/// A page in Prometheus' text format 0.0.4, read as strictly as the format is written down: whatever is not in it is a failure.
/// </summary>
public sealed partial class PrometheusPage
{
    private readonly Dictionary<string, Family> _families = new(StringComparer.Ordinal);
    private string? _name;
    private string? _help;
    private string? _kind;
    private ImmutableArray<Sample>.Builder _samples = ImmutableArray.CreateBuilder<Sample>();

    public IReadOnlyDictionary<string, Family> Families => _families;

    public static PrometheusPage Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var page = new PrometheusPage();
        foreach (var line in text.Split('\n')[..^1])
        {
            page.Take(line);
        }

        page.EndFamily();
        return page;
    }

    private void Take(string line)
    {
        if (Comment().Match(line) is { Success: true } comment)
        {
            TakeComment(comment);
            return;
        }

        Assert.False(line.StartsWith('#') || line.Length == 0, $"a line that says nothing: '{line}'");
        var match = Line().Match(line);
        Assert.True(match.Success, $"no sample: '{line}'");
        var name = match.Groups["name"].Value;
        Assert.True(BelongsHere(name), $"{name} does not stand behind its own TYPE");
        var labels = ImmutableArray.CreateBuilder<(string, string)>();
        for (var i = 0; i < match.Groups["label"].Captures.Count; i++)
        {
            labels.Add((match.Groups["label"].Captures[i].Value, Unescape(match.Groups["value"].Captures[i].Value)));
        }

        Assert.Equal(labels.Count, labels.Select(static label => label.Item1).Distinct(StringComparer.Ordinal).Count());
        _samples.Add(new(name, labels.ToImmutable(), Number(match.Groups["number"].Value)));
    }

    private void TakeComment(Match comment)
    {
        var (word, name, rest) = (comment.Groups["word"].Value, comment.Groups["name"].Value, comment.Groups["rest"].Value);
        if (word == "HELP")
        {
            EndFamily();
            (_name, _help) = (name, Unescape(rest));
            return;
        }

        Assert.Equal(_name, name);
        Assert.Null(_kind);
        Assert.Contains(rest, (string[])["counter", "gauge", "histogram"]);
        _kind = rest;
    }

    private bool BelongsHere(string name) => _kind switch
    {
        null => false,
        "histogram" => name == _name + "_bucket" || name == _name + "_sum" || name == _name + "_count",
        _ => name == _name,
    };

    private void EndFamily()
    {
        if (_name is null)
        {
            return;
        }

        Assert.NotNull(_kind);
        var family = new Family(_name, _kind, _help!, _samples.ToImmutable());
        Assert.True(_families.TryAdd(_name, family), $"{_name} stands twice on the page");
        var keys = family.Samples.Select(static one => one.Name + string.Join(',', one.Labels.Order()));
        Assert.Equal(family.Samples.Length, keys.Distinct(StringComparer.Ordinal).Count());
        if (_kind == "counter")
        {
            Assert.EndsWith("_total", _name, StringComparison.Ordinal);
            Assert.All(family.Samples, static one => Assert.True(one.Value >= 0));
        }
        else if (_kind == "histogram")
        {
            CheckHistogram(family);
        }

        (_name, _kind, _help) = (null, null, null);
        _samples = ImmutableArray.CreateBuilder<Sample>();
    }

    // The buckets of a series stand together, rise, end with +Inf, and agree with the count.
    private static void CheckHistogram(Family family)
    {
        var series = family.Samples.GroupBy(static one => string.Join(',', one.Labels.Where(static label => label.Name != "le")));
        foreach (var one in series)
        {
            var buckets = one.Where(sample => sample.Name == family.Name + "_bucket").ToArray();
            Assert.All(buckets, static bucket => Assert.NotNull(bucket["le"]));
            var bounds = buckets.Select(static bucket => Number(bucket["le"]!)).ToArray();
            Assert.Equal(bounds.Order(), bounds);
            Assert.Equal(bounds.Length, bounds.Distinct().Count());
            Assert.Equal(double.PositiveInfinity, bounds[^1]);
            Assert.Equal(buckets.Select(static bucket => bucket.Value).Order(), buckets.Select(static bucket => bucket.Value));
            Assert.Equal(buckets[^1].Value, Assert.Single(one, sample => sample.Name == family.Name + "_count").Value);
            Assert.Single(one, sample => sample.Name == family.Name + "_sum");
        }
    }

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    private static string Unescape(string text) => Escaped().Replace(text, static escape => escape.Value switch
    {
        "\\n" => "\n",
        "\\\"" => "\"",
        "\\\\" => "\\",
        var other => throw new FormatException($"there is no escape {other}"),
    });

    [GeneratedRegex("""^# (?<word>HELP|TYPE) (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<rest>.+)$""")]
    private static partial Regex Comment();

    [GeneratedRegex("""
        ^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?<label>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>([^"\\]|\\.)*)",?)*(?<!,)\})? (?<number>\S+)$
        """, RegexOptions.ExplicitCapture)]
    private static partial Regex Line();

    [GeneratedRegex(@"\\.", RegexOptions.Singleline)]
    private static partial Regex Escaped();
}
