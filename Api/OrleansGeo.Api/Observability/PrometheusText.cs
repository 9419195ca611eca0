using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace OrleansGeo.Api.Observability;

/// <summary>
/// The Prometheus text format, version 0.0.4. Names are those that OpenTelemetry's rules for Prometheus make of an instrument, so that a
/// query finds the same series whether they were scraped here or came over OTLP.
/// </summary>
public static class PrometheusText
{
    /// <summary>The content type of a page.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Renders instruments, sorted by name and labels, so that two scrapes compare.</summary>
    public static string Render(IEnumerable<InstrumentSeries> instruments)
    {
        var text = new StringBuilder();
        var groups = instruments.GroupBy(static one => Name(one.Instrument), StringComparer.Ordinal)
            .OrderBy(static group => group.Key, StringComparer.Ordinal);
        foreach (var group in groups)
        {
            var first = group.First();
            text.Append(
                CultureInfo.InvariantCulture, $"# HELP {group.Key} {Escape(first.Instrument.Description ?? first.Instrument.Name)}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {group.Key} {Kind(first)}\n");
            var series = group.SelectMany(static one => one.All.Select(series => (Of: one, Series: series)));
            foreach (var (of, one) in series.OrderBy(static row => row.Series.Labels, StringComparer.Ordinal))
            {
                lock (one)
                {
                    Append(text, group.Key, of, one);
                }
            }
        }

        return text.ToString();
    }

    /// <summary>The name of an instrument's series.</summary>
    public static string Name(Instrument instrument)
    {
        var isCounter = instrument.GetType().Name is "Counter`1" or "ObservableCounter`1";
        var isGauge = instrument.GetType().Name is "Gauge`1" or "ObservableGauge`1";
        var suffix = instrument.Unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            "1" when isGauge => "_ratio",
            _ => "",
        };
        var name = Sanitized(instrument.Name);
        name = name.EndsWith(suffix, StringComparison.Ordinal) ? name : name + suffix;
        return isCounter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    /// <summary>The type that a page gives a series.</summary>
    public static string Kind(InstrumentSeries series) =>
        series switch { { IsHistogram: true } => "histogram", { IsCounter: true } => "counter", _ => "gauge" };

    /// <summary>Labels as they are written: those of the meter, then those of the measurement, each name once.</summary>
    public static string Labels(IEnumerable<Tag>? meter, ReadOnlySpan<Tag> measurement)
    {
        var labels = new List<Tag>();
        foreach (var tag in meter ?? [])
        {
            labels.Add(new(Sanitized(tag.Key), tag.Value));
        }

        foreach (var tag in measurement)
        {
            var name = Sanitized(tag.Key);
            labels.RemoveAll(other => string.Equals(other.Key, name, StringComparison.Ordinal));
            labels.Add(new(name, tag.Value));
        }

        return string.Join(',', labels.Select(static label => $"{label.Key}=\"{Value(label.Value)}\""));
    }

    private static void Append(StringBuilder text, string name, InstrumentSeries of, InstrumentSeries.Series series)
    {
        var labels = series.Labels;
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

    // A name begins with no digit; a colon is for recording rules.
    private static string Sanitized(string name)
    {
        var clean = string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return char.IsAsciiDigit(clean[0]) ? "_" + clean : clean;
    }

    private static string Value(object? value)
    {
        var text = value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return Escape(text).Replace("\"", "\\\"", StringComparison.Ordinal);
    }

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Braces(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
