using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace OrleansGeo.Api.Observability;

/// <summary>
/// Keeps what the meters of OrleansGeo, the web server and the runtime report, and renders it as Prometheus text. Meters of another host in
/// the same process are left out, unless they belong to no host.
/// </summary>
public sealed class MetricsCollector : IDisposable
{
    // Labels come from closed sets; a bug that lets them grow must not take the node's memory with it.
    private const int SeriesPerInstrumentMax = 5_000;

    private readonly ConcurrentDictionary<Instrument, InstrumentSeries> _instruments = new();
    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();

    /// <summary>Begins to listen to the host's meters, and to those of the scopes it was given.</summary>
    public MetricsCollector(IMeterFactory meters, IEnumerable<MeterScope> scopes)
    {
        object[] mine = [meters, .. scopes.Select(static scope => scope.Scope)];
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            var meter = instrument.Meter;
            if (IsShown(meter.Name) && (meter.Scope is null || mine.Any(scope => ReferenceEquals(scope, meter.Scope))))
            {
                listener.EnableMeasurementEvents(
                    instrument, _instruments.GetOrAdd(instrument, static added => new(added, SeriesPerInstrumentMax)));
            }
        };
        _listener.MeasurementsCompleted = (instrument, _) => _instruments.Remove(instrument, out var _);
        Take<byte>(static value => value);
        Take<short>(static value => value);
        Take<int>(static value => value);
        Take<long>(static value => value);
        Take<float>(static value => value);
        Take<double>(static value => value);
        Take<decimal>(static value => (double)value);
        _listener.Start();
    }

    /// <summary>True for the meters whose instruments the page shows.</summary>
    public static bool IsShown(string meter) =>
        meter is "Microsoft.AspNetCore.Hosting" or "System.Runtime" or "OrleansGeo"
        || meter.StartsWith("OrleansGeo.", StringComparison.Ordinal);

    /// <summary>The text of a scrape.</summary>
    public string Render()
    {
        lock (_collecting)
        {
            foreach (var (_, series) in _instruments)
            {
                series.BeginCollection();
            }

            _listener.RecordObservableInstruments();
            return PrometheusText.Render(_instruments.Values);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _listener.Dispose();

    private void Take<T>(Func<T, double> toDouble)
        where T : struct =>
        _listener.SetMeasurementEventCallback<T>((_, value, tags, state) => ((InstrumentSeries)state!).Record(toDouble(value), tags));
}

/// <summary>A <see cref="Meter.Scope"/> whose meters a host's page shows beside the host's own.</summary>
/// <param name="Scope">The scope.</param>
public sealed record MeterScope(object Scope);
