using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The node as its gateway sees it when requests to other nodes go through a carrier, and not through the lanes of the node: everything
/// else is the node's. A request is a <see cref="RangeRequest"/> in an envelope, its answer a <see cref="RangeReply"/> in one. An answer
/// with no message says that the request was certainly not taken on; a failure leaves it open.
/// </summary>
public sealed class PeerGatewayHost : IGatewayHost
{
    private readonly SortedDictionary<long, PeerCall> _calls = [];
    private readonly Dictionary<NodeId, ByteWindow> _windows = [];
    private readonly Node _node;
    private readonly NodeScheduler _scheduler;
    private readonly IPeerCarrier _carrier;
    private readonly PeerLimits _limits;
    private long _lastCall;

    /// <summary>Stands between a node and its gateway. Made on the node's scheduler.</summary>
    public PeerGatewayHost(Node node, NodeScheduler scheduler, IPeerCarrier carrier, PeerLimits limits)
    {
        _node = node;
        _scheduler = scheduler;
        _carrier = carrier;
        _limits = limits;
        _node.PeerSilenced += FailCallsTo;
    }

    /// <inheritdoc />
    public NodeRecord Self => _node.Self;

    /// <inheritdoc />
    public SystemView System => _node.System;

    /// <inheritdoc />
    public TimeSpan SupportDuration => _node.SupportDuration;

    /// <inheritdoc />
    public long ClosedTargetMs => _node.ClosedTargetMs;

    /// <inheritdoc />
    public TimeProvider Time => _node.Time;

    /// <inheritdoc />
    public NodeMetrics? Metrics => _node.Metrics;

    /// <inheritdoc />
    public ReadOnlyMemory<byte> TokenSecret => _node.TokenSecret;

    /// <inheritdoc />
    public HlcTimestamp Clock => ((IGatewayHost)_node).Clock;

    /// <inheritdoc />
    public Prng Prng => ((IGatewayHost)_node).Prng;

    /// <inheritdoc />
    public Task AwaitSystemAsync(LogIndex applied, CancellationToken cancellation) => _node.AwaitSystemAsync(applied, cancellation);

    /// <inheritdoc />
    public bool IsLive(NodeId node) => _node.IsLive(node);

    /// <inheritdoc />
    public bool IsDraining(NodeId node) => _node.IsDraining(node);

    /// <inheritdoc />
    public long? LastHeardMicros(NodeId node) => _node.LastHeardMicros(node);

    /// <inheritdoc />
    public long? RttMicros(NodeId node) => _node.RttMicros(node);

    /// <inheritdoc />
    public bool TryObserve(HlcTimestamp timestamp) => _node.TryObserve(timestamp);

    /// <inheritdoc />
    public NodeId LeaderHint(RangeId range) => _node.LeaderHint(range);

    /// <inheritdoc />
    public LocalReplicaStatus? LocalReplica(RangeId range) => _node.LocalReplica(range);

    /// <inheritdoc />
    public Task<CallResult> CallAsync(
        NodeId to, RangeId range, RangeOperation operation, TimeSpan timeout, CancellationToken cancellation)
    {
        if (to == _node.Id)
        {
            return _node.CallAsync(to, range, operation, timeout, cancellation);
        }

        var window = WindowOf(to);
        if (_node.IsStopped || _calls.Count >= _node.Options.CallsMax || window.IsFull
            || !_node.System.Nodes.TryGetValue(to, out var record))
        {
            return NotSent(to);
        }

        var call = new PeerCall(++_lastCall, to);
        var bytes = EnvelopeCodec.Standard.Encode(RequestFor(call, record, range, operation, timeout));
        if (!TryAsk(record, range, bytes, call.Ended.Token, out var answer))
        {
            return NotSent(to);
        }

        window.Enter(bytes.Length, answer);
        _calls.Add(call.Id, call);
        if (cancellation.CanBeCanceled)
        {
            call.Cancellation = cancellation.UnsafeRegister(_ => _scheduler.Post(_ => Conclude(call, NoAnswer(to)), null), null);
        }

        _node.Timers.At(_node.Clock.Mono().AddMicros((long)timeout.TotalMicroseconds), () => Conclude(call, NoAnswer(to)));
        _ = AwaitAsync(call, answer);
        return call.Task;
    }

    private static Task<CallResult> NotSent(NodeId to) => Task.FromResult(new CallResult(null, to, null, CallFailure.NotSent));

    private static CallResult NoAnswer(NodeId to) => new(null, to, null, CallFailure.NoAnswer);

    private Envelope RequestFor(PeerCall call, NodeRecord to, RangeId range, RangeOperation operation, TimeSpan timeout)
    {
        var envelope = new Envelope
        {
            From = _node.Id,
            To = to.Id,
            Lane = Lane.Normal,
            FromIncarnation = _node.Incarnation,
            Messages =
            [
                new RangeRequest
                {
                    CallId = call.Id,
                    Range = range,
                    TimeoutMicros = (long)timeout.TotalMicroseconds,
                    Observed = Clock,
                    Operation = operation,
                    Trace = NodeTraces.Ambient is { } span ? TraceParent.Of(span) : null,
                },
            ],
        };
        if (to.Region != Self.Region)
        {
            envelope.AddHop();
        }

        return envelope;
    }

    private bool TryAsk(
        NodeRecord to, RangeId range, byte[] request, CancellationToken ended, [NotNullWhen(true)] out Task<byte[]>? answer)
    {
        try
        {
            return _carrier.TryAsk(to, range, request, ended, out answer);
        }
        catch (Exception failure)
        {
            answer = Task.FromException<byte[]>(failure);
            return true;
        }
    }

    private async Task AwaitAsync(PeerCall call, Task<byte[]> answer)
    {
        CallResult result;
        try
        {
            result = Read(call, EnvelopeCodec.Standard.Read(await answer));
        }
        catch (Exception)
        {
            // Whatever befell the call, it is not known how far it came.
            result = NoAnswer(call.To);
        }

        Conclude(call, result);
    }

    private CallResult Read(PeerCall call, Envelope answer)
    {
        if (answer.From != call.To || answer.Messages.Count > 1)
        {
            return NoAnswer(call.To);
        }

        switch (answer.Messages)
        {
            case []:
                return new(null, call.To, null, CallFailure.NotSent);
            case [RangeReply reply] when reply.CallId == call.Id:
                _node.TryObserve(reply.Clock);
                return new(reply.Outcome, reply.ServedBy, reply.Path, CallFailure.None);
            default:
                return NoAnswer(call.To);
        }
    }

    private void Conclude(PeerCall call, CallResult result)
    {
        if (_calls.Remove(call.Id))
        {
            call.Cancellation.Dispose();
            call.Ended.Cancel();
            call.Ended.Dispose();
            call.SetResult(result);
        }
    }

    // As the node does with its own calls: who is not heard any more will not answer either.
    private void FailCallsTo(NodeId silent)
    {
        foreach (var call in _calls.Values.Where(call => call.To == silent).ToArray())
        {
            Conclude(call, NoAnswer(silent));
        }
    }

    private ByteWindow WindowOf(NodeId to)
    {
        if (!_windows.TryGetValue(to, out var window))
        {
            _windows.Add(to, window = new(_limits.RequestBytesMax));
        }

        return window;
    }

    private sealed class PeerCall(long id, NodeId to) : TaskCompletionSource<CallResult>
    {
        public long Id => id;

        public NodeId To => to;

        public CancellationTokenSource Ended { get; } = new();

        public CancellationTokenRegistration Cancellation { get; set; }
    }
}
