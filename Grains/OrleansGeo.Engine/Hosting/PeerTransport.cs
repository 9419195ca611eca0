using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The transport of a node whose peers are in other processes: encodes envelopes and gives them to a carrier. What is in flight to a peer
/// is bounded for each lane, so that a peer that takes nothing costs a bounded amount of memory, and snapshots take no room from
/// heartbeats.
/// </summary>
public sealed class PeerTransport(
    string region, Func<NodeId, NodeRecord?> find, IPeerCarrier carrier, PeerLimits limits, NodeMetrics? metrics = null) : ITransport
{
    private readonly Dictionary<(NodeId, Lane), ByteWindow> _windows = [];

    /// <inheritdoc />
    public void Send(Envelope envelope)
    {
        var lane = envelope.Lane;
        if (find(envelope.To) is not { } to)
        {
            metrics?.Dropped(lane, "unknown");
            return;
        }

        var window = WindowOf(envelope);
        if (window.IsFull)
        {
            metrics?.Dropped(lane, "bound");
            return;
        }

        if (to.Region != region)
        {
            envelope.AddHop();
        }

        var bytes = EnvelopeCodec.Standard.Encode(envelope);
        try
        {
            if (carrier.TryCarry(to, lane, bytes, out var carried))
            {
                window.Enter(bytes.Length, carried);
                metrics?.Sent(lane, bytes.Length);
            }
            else
            {
                metrics?.Dropped(lane, "absent");
            }
        }
        catch (Exception)
        {
            // What happens to an envelope is nobody's business here: it is lost.
            metrics?.Dropped(lane, "failed");
        }
    }

    /// <inheritdoc />
    public long? BytesInFlight(NodeId to, Lane lane) => _windows.TryGetValue((to, lane), out var window) ? window.Bytes : 0;

    private ByteWindow WindowOf(Envelope envelope)
    {
        if (!_windows.TryGetValue((envelope.To, envelope.Lane), out var window))
        {
            _windows.Add((envelope.To, envelope.Lane), window = new(limits.BytesMax(envelope.Lane)));
        }

        return window;
    }
}

/// <summary>
/// Bytes in flight against a bound. One that is not full takes anything, so that what is larger than the bound still gets through alone.
/// </summary>
internal sealed class ByteWindow(long bytesMax)
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public bool IsFull => Bytes >= bytesMax;

    /// <summary>Counts bytes until the task is over, however it ends.</summary>
    public void Enter(int bytes, Task until)
    {
        if (until.IsCompleted)
        {
            _ = until.Exception;
            return;
        }

        Interlocked.Add(ref _bytes, bytes);
        _ = until.ContinueWith(
            (over, _) =>
            {
                // Looked at, so that it is not reported as an error nobody saw: a lost message is no error.
                _ = over.Exception;
                Interlocked.Add(ref _bytes, -bytes);
            },
            null,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}
