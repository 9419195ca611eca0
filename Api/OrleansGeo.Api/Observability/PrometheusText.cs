using System.Globalization;
using System.Text;

namespace OrleansGeo.Api.Observability;

/// <summary>The Prometheus text format, version 0.0.4.</summary>
public static class PrometheusText
{
    /// <summary>Renders instruments, sorted by name and labels, so that two scrapes compare.</summary>
    public static string Render(IEnumerable<InstrumentSeries> instruments)
    {
        var text = new StringBuilder();
        var groups = instruments.GroupBy(NameOf, StringComparer.Ordinal).OrderBy(static group => group.Key, StringComparer.Ordinal);
        foreach (var group in groups)
        {
            var first = group.First();
            var kind = first switch { { IsHistogram: true } => "histogram", { IsCounter: true } => "counter", _ => "gauge" };
            text.Append(
                CultureInfo.InvariantCulture, $"# HELP {group.Key} {Escape(first.Instrument.Description ?? first.Instrument.Name)}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {group.Key} {kind}\n");
            var series = group.SelectMany(static one => one.All.Select(pair => (Of: one, Labels: LabelsOf(pair.Key), Series: pair.Value)));
            foreach (var (of, labels, one) in series.OrderBy(static row => row.Labels, StringComparer.Ordinal))
            {
                lock (one)
                {
                    Append(text, group.Key, labels, of, one);
                }
            }
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, string labels, InstrumentSeries of, InstrumentSeries.Series series)
    {
        if (!of.IsHistogram)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}{Braces(labels)} {Number(series.Total)}\n");
            return;
        }

        var sofar = 0L;
        for (var i = 0; i < series.Buckets.Length; i++)
        {
            sofar += series.Buckets[i];
            var bound = i < of.Bounds.Count ? Number(of.Bounds[i]) : "+Inf";
            var comma = labels.Length == 0 ? "" : ",";
            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {sofar}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braces(labels)} {Number(series.Total)}\n");
        text.Append(CultureInfo.InvariantCulture, $"{name}_count{Braces(labels)} {sofar}\n");
    }

    private static string NameOf(InstrumentSeries series)
    {
        var unit = series.Instrument.Unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        var name = string.Concat(series.Instrument.Name.Select(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':' ? c : '_'));
        name = name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit;
        return series.IsCounter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    private static string LabelsOf(TagSet tags) =>
        string.Join(',', tags.Tags.Select(static tag => $"{LabelName(tag.Key)}=\"{LabelValue(tag.Value)}\""));

    private static string LabelName(string name) => string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    private static string LabelValue(object? value) =>
        Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\"", "\\\"", StringComparison.Ordinal);

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Braces(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
