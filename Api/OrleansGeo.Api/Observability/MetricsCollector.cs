using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace OrleansGeo.Api.Observability;

/// <summary>
/// Keeps what the meters of OrleansGeo report, and renders it as Prometheus text. Meters of another host in the same process are left out,
/// unless they belong to no host.
/// </summary>
public sealed class MetricsCollector : IDisposable
{
    // Labels come from closed sets; a bug that lets them grow must not take the node's memory with it.
    private const int SeriesPerInstrumentMax = 5_000;

    private readonly ConcurrentDictionary<Instrument, InstrumentSeries> _instruments = new();
    private readonly MeterListener _listener = new();

    /// <summary>Begins to listen.</summary>
    public MetricsCollector(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            var meter = instrument.Meter;
            if (meter.Name.StartsWith("OrleansGeo", StringComparison.Ordinal)
                && (meter.Scope is null || ReferenceEquals(meter.Scope, meters)))
            {
                listener.EnableMeasurementEvents(
                    instrument, _instruments.GetOrAdd(instrument, static added => new(added, SeriesPerInstrumentMax)));
            }
        };
        Take<byte>(static value => value);
        Take<short>(static value => value);
        Take<int>(static value => value);
        Take<long>(static value => value);
        Take<float>(static value => value);
        Take<double>(static value => value);
        Take<decimal>(static value => (double)value);
        _listener.Start();
    }

    /// <summary>The text of a scrape.</summary>
    public string Render()
    {
        _listener.RecordObservableInstruments();
        return PrometheusText.Render(_instruments.Values);
    }

    /// <inheritdoc />
    public void Dispose() => _listener.Dispose();

    private void Take<T>(Func<T, double> toDouble)
        where T : struct =>
        _listener.SetMeasurementEventCallback<T>((_, value, tags, state) => ((InstrumentSeries)state!).Record(toDouble(value), tags));
}
