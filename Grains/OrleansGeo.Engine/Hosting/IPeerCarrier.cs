using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What a <see cref="NodeHost"/> needs of whoever connects processes: bytes to a named node. Nothing here knows what the bytes say.
/// Called on the node's scheduler; tasks may complete anywhere.
/// </summary>
public interface IPeerCarrier
{
    /// <summary>
    /// Hands an envelope to a node's <see cref="NodeHost.TakeAsync"/>. False when nobody of that name can be reached now. The task
    /// completes when the other side took the envelope, and fails when it is not known whether it did; the bytes count as in flight until
    /// then.
    /// </summary>
    bool TryCarry(NodeRecord to, Lane lane, byte[] envelope, [NotNullWhen(true)] out Task? carried);

    /// <summary>
    /// Puts a request to a node's <see cref="NodeHost.AnswerAsync"/>. False when nobody of that name can be reached now: certainly not
    /// sent. A task that fails leaves open whether the request arrived.
    /// </summary>
    bool TryAsk(
        NodeRecord to, RangeId range, byte[] request, CancellationToken cancellation, [NotNullWhen(true)] out Task<byte[]>? answer);
}

/// <summary>How much may be on its way to one peer and not yet taken. Beyond it is dropped, which is what a network does too.</summary>
public sealed record PeerLimits
{
    /// <summary>Heartbeats, in bytes: those of many seconds.</summary>
    public long LivenessBytesMax { get; init; } = 256 << 10;

    /// <summary>Consensus and notices, in bytes.</summary>
    public long NormalBytesMax { get; init; } = 16 << 20;

    /// <summary>Snapshots, in bytes.</summary>
    public long BulkBytesMax { get; init; } = 2 << 20;

    /// <summary>Requests to ranges, in bytes.</summary>
    public long RequestBytesMax { get; init; } = 32 << 20;

    /// <summary>The bound of a lane.</summary>
    public long BytesMax(Lane lane) => lane switch
    {
        Lane.Liveness => LivenessBytesMax,
        Lane.Bulk => BulkBytesMax,
        _ => NormalBytesMax,
    };
}
