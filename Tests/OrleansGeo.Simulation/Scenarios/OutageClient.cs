using OrleansGeo.Primitives;

namespace OrleansGeo.Simulation.Scenarios;

/// <summary>What an <see cref="OutageClient"/> asks for.</summary>
public enum OutageRequest
{
    /// <summary>Writes.</summary>
    Write,

    /// <summary>Strong reads.</summary>
    StrongRead,

    /// <summary>Reads of at most ten seconds ago, from the called node's region alone.</summary>
    StaleRead,
}

/// <summary>
/// Measures an outage as DESIGN section 10 defines it: the longest time without an acknowledgement at a closed-loop client that retries
/// every 20 ms; a gap still open counts.
/// </summary>
public sealed class OutageClient(ScenarioHost host, NodeId node, TableRef table, OutageRequest request, TimeSpan timeout)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);
    private long _lastMicros;
    private long _worstMicros;
    private int _requests;
    private bool _stopped;

    /// <summary>The node that is called.</summary>
    public NodeId Node => node;

    /// <summary>The table.</summary>
    public TableRef Table => table;

    /// <summary>What is asked.</summary>
    public OutageRequest Request => request;

    /// <summary>Requests that were answered with what they asked for.</summary>
    public int Acknowledged { get; private set; }

    /// <summary>The longest time between two acknowledgements, or since the last, in milliseconds.</summary>
    public double WorstMs => Math.Max(_worstMicros, host.World.NowMicros - _lastMicros) / 1000.0;

    /// <summary>Refusals by their code.</summary>
    public SortedDictionary<string, int> Refusals { get; } = new(StringComparer.Ordinal);

    /// <summary>Asks until it is stopped or its node dies.</summary>
    public async Task RunAsync()
    {
        _lastMicros = host.World.NowMicros;
        while (!_stopped && host.StoreOf(node) is { } store)
        {
            var error = await AskAsync(store);
            if (error is null or { Code: "row-not-found" })
            {
                var now = host.World.NowMicros;
                _worstMicros = Math.Max(_worstMicros, now - _lastMicros);
                _lastMicros = now;
                Acknowledged++;
            }
            else
            {
                Refusals[error.Code] = Refusals.GetValueOrDefault(error.Code) + 1;
            }

            await Task.Delay(s_pause, host.Time);
        }
    }

    /// <summary>Forgets what was before: the outage that counts begins now.</summary>
    public void Mark() => (_worstMicros, Acknowledged) = (0, 0);

    /// <summary>Asks no more.</summary>
    public void Stop() => _stopped = true;

    private async Task<GeoError?> AskAsync(IGeoStore store)
    {
        var options = new RequestOptions(timeout);
        if (request == OutageRequest.Write)
        {
            var write = ScenarioHost.Put($"k{node}", $"{_requests++}");
            return (await store.WriteRowAsync(table, write, options, CancellationToken.None)).Error;
        }

        ReadBound bound = request == OutageRequest.StrongRead ? ReadBound.Strong : new ReadBound.Bounded(10_000, LocalOnly: true);
        return (await store.ReadRowAsync(table, ScenarioHost.Key($"k{node}"), bound, options, CancellationToken.None)).Error;
    }
}
