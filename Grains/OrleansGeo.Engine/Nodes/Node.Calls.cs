using System.Diagnostics;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Wire;

namespace OrleansGeo.Engine;

// Requests to ranges, asked and answered.
public sealed partial class Node : IGatewayHost
{
    private readonly Dictionary<long, PendingCall> _calls = [];
    private readonly CallTimeouts _timeouts;
    private readonly Dictionary<NodeId, RequestWindow> _requestWindows = [];

    // No two calls of this node have one id, whatever incarnation made them: an answer to an earlier life is nobody's. There is room for
    // 2^40 calls in each.
    private long _lastCall;

    /// <inheritdoc />
    public NodeRecord Self =>
        System.Nodes.TryGetValue(Id, out var record) ? record : new(Id, Options.Name, Options.Region, Options.Zone, null);

    /// <inheritdoc />
    public TimeSpan SupportDuration => TimeSpan.FromMicroseconds(Options.SupportMicros);

    /// <inheritdoc />
    public long ClosedTargetMs => Options.ClosedTargetMs;

    /// <inheritdoc />
    public TimeProvider Time => Clock.Time;

    /// <inheritdoc />
    public ReadOnlyMemory<byte> TokenSecret => Identity.TokenSecret;

    /// <inheritdoc />
    public NodeMetrics? Metrics { get; }

    /// <summary>The node's own way in, which other nodes ask about transactions that were begun here; null before there is one.</summary>
    public Gateway? Gateway { get; set; }

    HlcTimestamp IGatewayHost.Clock => Clock.Peek();

    Prng IGatewayHost.Prng => Prng;

    /// <inheritdoc />
    public Task<CallResult> CallAsync(
        NodeId to, RangeId range, RangeOperation operation, TimeSpan timeout, CancellationToken cancellation) =>
        CallAsync(to, range, operation, timeout, NodeTraces.Ambient, cancellation);

    /// <summary>The same, as part of what a span is about.</summary>
    internal Task<CallResult> CallAsync(
        NodeId to, RangeId range, RangeOperation operation, TimeSpan timeout, ActivityContext? parent, CancellationToken cancellation)
    {
        if (_stopped || _calls.Count >= Options.CallsMax || (to != Id && !Outbox.Knows(to)))
        {
            return Task.FromResult(new CallResult(null, to, null, CallFailure.NotSent));
        }

        var micros = (long)timeout.TotalMicroseconds;
        var call = new PendingCall(++_lastCall, to);
        _calls.Add(call.Id, call);
        if (cancellation.CanBeCanceled)
        {
            call.CancelOn = this;
            call.Cancellation = cancellation.UnsafeRegister(static (state, _) => ((PendingCall)state!).Cancel(), call);
        }

        if (to == Id)
        {
            Handle(range, new(Id, call.Id, null, Clock.Mono().AddMicros(micros), BeginSpan(range, operation, parent)), operation);
        }
        else
        {
            Send(to, new RangeRequest
            {
                CallId = call.Id,
                Range = range,
                TimeoutMicros = micros,
                Observed = Clock.Peek(),
                Operation = operation,
                Trace = parent is { } span ? TraceParent.Of(span) : null,
            });
        }

        if (!call.Task.IsCompleted)
        {
            _timeouts.Add(call.Id, micros);
        }

        return call.Task;
    }

    /// <inheritdoc />
    public long? LastHeardMicros(NodeId node) => node == Id ? 0 : Liveness.LastHeardMicros(node, Clock.Mono());

    /// <inheritdoc />
    public long? RttMicros(NodeId node) => node == Id ? 0 : Liveness.MeasuredRttMicros(node);

    /// <inheritdoc />
    public bool TryObserve(HlcTimestamp timestamp) => Clock.TryObserve(timestamp);

    /// <inheritdoc />
    public NodeId LeaderHint(RangeId range) => _replicas.TryGetValue(range, out var replica) ? replica.Core.Leader : NodeId.None;

    /// <inheritdoc />
    public LocalReplicaStatus? LocalReplica(RangeId range)
    {
        if (!_replicas.TryGetValue(range, out var replica) || replica.Descriptor is not { } descriptor || replica.Stopped)
        {
            return null;
        }

        var (resolved, age) = replica.Resolved();
        return new(
            descriptor, replica.Core.Leader, replica.Core.Term, replica.MayServe(), replica.Applied, replica.BelowIntents(resolved), age,
            replica.SizeBytes);
    }

    /// <summary>One line a replica, for whoever looks for what is wrong.</summary>
    public IEnumerable<string> DescribeReplicas() => _replicas.Values.Select(replica =>
        $"{Id} {replica.Id} {replica.Core.Role} in {replica.Core.Term}, leader {replica.Core.Leader}, applied {replica.Applied} of "
        + $"{replica.Core.CommitIndex}/{replica.Core.LastIndex}, promise {replica.Core.HardState}, "
        + $"generation {replica.Descriptor?.Generation}, {Describe(replica.Core.Configuration)}"
        + $"{(replica.Stopped ? " stopped" : string.Empty)}{(replica.Core.IsTransferring ? " transferring" : string.Empty)}"
        + (replica.Core.IsLeader ? $", {replica.DescribeLeadership()}" : string.Empty));

    private static string Describe(Configuration? members) => members is null
        ? "empty"
        : $"[{string.Join(',', members.Voters)}|{string.Join(',', members.OutgoingVoters)}|{string.Join(',', members.NonVoters)}]";

    /// <summary>The ranges of which this node has a replica.</summary>
    public IReadOnlyCollection<RangeId> ReplicasHere() => _replicas.Keys;

    /// <summary>Answers a request: at once when it was asked here, with the next envelope otherwise.</summary>
    internal void Reply(Caller caller, RangeOutcome outcome)
    {
        if (outcome is RangeOutcome.Overloaded overloaded)
        {
            Metrics?.Refused(overloaded.Queue);
        }

        if (caller.Span is { } span)
        {
            var (name, isError) = NodeTraces.Of(outcome);
            span.End(Time, name, isError);
        }

        if (caller.From == Id)
        {
            Conclude(caller.CallId, new(outcome, Id, caller.Path, CallFailure.None));
        }
        else
        {
            Send(caller.From, new RangeReply
            {
                CallId = caller.CallId,
                ServedBy = Id,
                Clock = Clock.Peek(),
                Outcome = outcome,
                Path = caller.Path,
            });
        }
    }

    internal void ReplyAfterTurn(Caller caller, RangeOutcome outcome) => _turn.AfterWrite(caller, outcome);

    private bool IsFirstCopy(Envelope envelope)
    {
        if (PlantedBug.Is("engine.requests-may-double"))
        {
            return true;
        }

        if (!_requestWindows.TryGetValue(envelope.From, out var window))
        {
            _requestWindows[envelope.From] = window = new();
        }

        return envelope.ToIncarnation == Incarnation && window.TryEnter(envelope.FromIncarnation, envelope.Sequence);
    }

    private void Receive(NodeId from, NodeMessage message)
    {
        switch (message)
        {
            case RangeRequest request:
                Clock.TryObserve(request.Observed);
                var deadline = Clock.Mono().AddMicros(request.TimeoutMicros);
                var span = BeginSpan(request.Range, request.Operation, request.Trace?.ToContext());
                Handle(request.Range, new(from, request.CallId, request.Path, deadline, span), request.Operation);
                break;
            case RangeReply reply:
                Clock.TryObserve(reply.Clock);
                Conclude(reply.CallId, new(reply.Outcome, reply.ServedBy, reply.Path, CallFailure.None));
                break;
            case ClosedUpdate update:
                Closed.Receive(from, update);
                break;
            case ClosedResync:
                Closed.Resync(from);
                break;
            case SnapshotFetch fetch:
                Snapshots.Answer(from, fetch);
                break;
            case SnapshotPart part:
                if (_replicas.TryGetValue(part.Range, out var receiver))
                {
                    receiver.Receive(from, part);
                }

                break;
            default:
                Invariant.Fail($"a message of type {message.GetType().Name}");
                break;
        }
    }

    // What a range is asked by nobody's request is of no interest by itself.
    private Activity? BeginSpan(RangeId range, RangeOperation operation, ActivityContext? asker) => asker is { } parent
        ? NodeTraces.Begin($"serve {NodeTraces.NameOf(operation)}", ActivityKind.Server, parent, this).About(range)
        : null;

    private void Handle(RangeId range, Caller caller, RangeOperation operation)
    {
        if (operation is RangeOperation.MeasuredRtts)
        {
            Reply(caller, new RangeOutcome.Rtts([.. Peers.Where(peer => RttMicros(peer) is not null)
                .Select(peer => KeyValuePair.Create(peer, RttMicros(peer)!.Value))]));
        }
        else if (operation is RangeOperation.AskGateway ask)
        {
            _ = AnswerAsync(caller, ask);
        }
        else if (_replicas.TryGetValue(range, out var replica) && !replica.Stopped)
        {
            replica.Handle(caller, operation);
        }
        else
        {
            Reply(caller, new RangeOutcome.NoReplica());
        }
    }

    // A gateway takes its time; how much it has stands in the bytes.
    private async Task AnswerAsync(Caller caller, RangeOperation.AskGateway ask)
    {
        RangeOutcome outcome;
        try
        {
            outcome = Gateway is null
                ? new RangeOutcome.NoReplica()
                : new RangeOutcome.GatewayAnswered(
                    [.. await StoreWire.AnswerAsync(Gateway, StoreArea.Write, [.. ask.Request], CancellationToken.None)]);
        }
        catch (CodecException unreadable)
        {
            outcome = new RangeOutcome.Unsuitable(unreadable.Message);
        }

        Reply(caller, outcome);
    }

    private void Conclude(long id, CallResult result)
    {
        if (_calls.Remove(id, out var call))
        {
            call.Cancellation.Dispose();
            call.SetResult(result);
        }
    }

    private void GiveUp(long id)
    {
        if (_calls.TryGetValue(id, out var call))
        {
            Conclude(id, new(null, call.To, null, CallFailure.NoAnswer));
        }
    }

    // Who is not heard any more will not answer either; waiting for its silence to grow longer than an attempt may take only adds to an
    // outage. An answer that comes all the same finds nobody.
    private void FailCallsTo(NodeId silent)
    {
        var calls = _calls.Values.Where(call => call.To == silent).OrderBy(call => call.Id).ToArray();
        foreach (var call in calls)
        {
            Conclude(call.Id, new(null, silent, null, CallFailure.NoAnswer));
        }
    }

    private void FailCalls()
    {
        var calls = _calls.Values.ToArray();
        _calls.Clear();
        foreach (var call in calls)
        {
            call.Cancellation.Dispose();
            call.SetResult(new(null, call.To, null, CallFailure.NoAnswer));
        }
    }

    private sealed class PendingCall(long id, NodeId to) : TaskCompletionSource<CallResult>
    {
        public long Id => id;

        public NodeId To => to;

        public CancellationTokenRegistration Cancellation { get; set; }

        public Node? CancelOn { get; set; }

        // From any thread.
        public void Cancel() => CancelOn!._scheduler.Post(static call => ((PendingCall)call!).GiveUp(), this);

        private void GiveUp() => CancelOn!.GiveUp(id);
    }
}
