using System.Collections.Immutable;
using System.Diagnostics;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// One question to the leaseholder of a range, until it is settled or the deadline comes.
/// <para>
/// <b>Exactly once.</b> All attempts of a write carry one request id, and a range makes a request at most once, checked when it applies.
/// An attempt is <i>open</i> when it was sent and got no answer, or was answered as ambiguous: it may have been proposed, or may arrive
/// later still. An open attempt never closes by itself. What settles the request all the same is a definite answer to any later attempt:
/// </para>
/// <list type="bullet">
/// <item>Written: the write is in the log under this id; an open attempt that arrives later meets the record and changes nothing.</item>
/// <item>Refused: definite when nothing came before. When an earlier attempt was possibly received, this one said so (MayRepeat), so the
/// refusal itself was recorded under the id before it was answered, and an open attempt that arrives later meets it.</item>
/// <item>RequestMismatch: the id belongs to another body that was recorded, so no attempt with this body is ever made.</item>
/// </list>
/// <para>
/// Every other answer (not the leaseholder, no replica, moved, overloaded, expired) says that <i>that</i> attempt was not made and nothing
/// about open ones. So at the deadline: an open attempt makes the outcome unknown (504); without one no attempt was or will be made, and
/// the request was certainly not applied (503). MayRepeat is set as soon as any attempt may have reached a node, answered or not, because
/// the network may deliver an attempt twice. A key that the client gave is in its hands: it may have sent the same request through another
/// node before, so under such a key every attempt says MayRepeat, and a refusal is kept like any other answer.
/// </para>
/// <para>
/// <b>Giving up early.</b> Once a loss is known (see <see cref="RangeAvailability"/>) and no attempt is open, the 503 is answered at once.
/// A write is not even sent then: a leader that does not know yet that it lost its quorum would take it and leave it open.
/// </para>
/// </summary>
internal sealed class LeaseholderCall
{
    // Hints of a range in motion can point in a circle; after this many without a pause the call waits.
    private const int RedirectsMax = 4;
    private const long UnknownRttMicros = 200_000;

    private readonly GatewayCore _core;
    private readonly RequestScope _scope;
    private readonly Key _route;
    private readonly bool _before;
    private readonly bool _isWrite;
    private readonly bool _isOnce;
    private RangeOperation _operation;
    private List<NodeId>? _tried;
    private NodeId _hint;
    private NodeId _lastHint;
    private bool _received;
    private bool _open;
    private bool _anyAnswer;
    private int _attempts;
    private int _redirects;
    private int _rounds;
    private int _timeouts;
    private int _answeredThisRound;
    private int _noQuorumThisRound;
    private int _noReplicaThisRound;

    public LeaseholderCall(GatewayCore core, RequestScope scope, Key route, bool before, RangeOperation operation)
    {
        (_core, _scope, _route, _before, _operation) = (core, scope, route, before, operation);

        // A split has no request record: made twice it would part the range twice under one new id. So an open one ends the call.
        _isOnce = operation is RangeOperation.Split;
        _isWrite = _isOnce || operation is RangeOperation.Write or RangeOperation.Lay;
    }

    private IGatewayHost Host => _core.Host;

    public async Task<CallEnd> RunAsync()
    {
        while (true)
        {
            var range = _before ? _core.Router.FindBefore(_core.View, _route) : _core.Router.Find(_core.View, _route);
            if (_scope.IsOver || (_isOnce && _open))
            {
                return AtDeadline(range);
            }

            if (range is null)
            {
                if (await FindRangeAsync() is { } error)
                {
                    return new(null, error);
                }

                continue;
            }

            if (!_open && _isWrite && _core.Availability.KnownLoss(range) is { } loss)
            {
                return new(null, loss);
            }

            var target = NextTarget(range);
            if (!target.IsSome)
            {
                if (await EndRoundAsync(range) is { } end)
                {
                    return end;
                }

                continue;
            }

            var result = await SendAsync(range, target);
            if (result.Outcome is null)
            {
                NoteNoAnswer(range, target, result.Failure);
            }
            else if (Judge(range, target, result) is { } end)
            {
                return end;
            }
        }
    }

    private Task<CallResult> SendAsync(RangeDescriptor range, NodeId target)
    {
        if (_attempts++ > 0)
        {
            Host.Metrics?.Retried("again");
            PrepareRetry();
        }

        return _scope.Span is { } request ? CallFollowedAsync(range, target, request) : CallAsync(range, target);
    }

    private async Task<CallResult> CallAsync(RangeDescriptor range, NodeId target)
    {
        try
        {
            return await Host.CallAsync(target, range.Id, _operation, AttemptTimeout(range, target), _scope.Cancellation);
        }
        catch (OperationCanceledException)
        {
            return new(null, NodeId.None, null, CallFailure.NoAnswer);
        }
    }

    // The span is ambient for the call alone: an asynchronous method leaves what is ambient as it found it.
    private async Task<CallResult> CallFollowedAsync(RangeDescriptor range, NodeId target, Activity request)
    {
        var span = NodeTraces.Begin($"ask {NodeTraces.NameOf(_operation)}", ActivityKind.Client, request.Context, Host).About(range.Id);
        if (span is not null && _core.View.Nodes.TryGetValue(target, out var node))
        {
            span.SetTag("orleansgeo.peer.node", node.Name).SetTag("orleansgeo.peer.region", node.Region)
                .SetTag("orleansgeo.attempt", _attempts);
        }

        Activity.Current = span ?? request;
        var result = await CallAsync(range, target);
        var (outcome, isError) = NodeTraces.Of(result.Outcome);
        span.End(
            Host.Time, outcome, isError, CausalPath.RoundTrips(result.Path) + CausalPath.RoundTrips(QuorumPathOf(result.Outcome)));
        return result;
    }

    private void PrepareRetry()
    {
        if (!_received || _operation is not RangeOperation.Write write)
        {
            return;
        }

        if (PlantedBug.Is("gateway.retry-with-new-request-id"))
        {
            var id = new byte[16];
            Host.Prng.Fill(id);
            _operation = write with { RequestId = [.. id] };
        }
        else if (!write.MayRepeat)
        {
            _operation = write with { MayRepeat = true };
        }
    }

    private void NoteNoAnswer(RangeDescriptor range, NodeId target, CallFailure failure)
    {
        if (failure != CallFailure.NotSent)
        {
            _received = true;
            _open |= _isWrite;
            _timeouts++;
        }

        Leave(range, target);
    }

    // Null when the answer settles nothing and another attempt is to be made.
    private CallEnd? Judge(RangeDescriptor range, NodeId target, in CallResult result)
    {
        _received = true;
        _anyAnswer = true;
        _scope.Paid(result.Path);
        switch (result.Outcome)
        {
            case RangeOutcome.NotLeaseholder other:
                FollowHint(range, target, other);
                return null;
            case RangeOutcome.Moved moved:
                return AfterMove(range, target, moved);
            case RangeOutcome.NoReplica:
                _noReplicaThisRound++;
                Leave(range, target);
                return null;
            case RangeOutcome.Expired expired:
                _open |= expired.Ambiguous && _isWrite;
                Leave(range, target);
                return null;
            case RangeOutcome.Overloaded overloaded:
                Leave(range, target);
                return _open ? null : new(null, TooBusy(overloaded));
            case RangeOutcome.Unsuitable when _open:
                Leave(range, target);
                return null;
            default:
                Settle(range, result);
                return new(result.Outcome, null, _open);
        }
    }

    private void Settle(RangeDescriptor range, in CallResult result)
    {
        _core.Router.NoteLeaseholder(range.Id, result.ServedBy);
        _scope.Served(result.ServedBy, result.ServedBy);
        _scope.Paid(QuorumPathOf(result.Outcome));
    }

    private static WanPath? QuorumPathOf(RangeOutcome? outcome) => outcome switch
    {
        RangeOutcome.Written written => written.QuorumPath,
        RangeOutcome.Laid laid => laid.QuorumPath,
        RangeOutcome.Standing standing => standing.QuorumPath,
        _ => null,
    };

    private void FollowHint(RangeDescriptor range, NodeId target, RangeOutcome.NotLeaseholder other)
    {
        _open |= other.Ambiguous && _isWrite;
        _answeredThisRound++;
        _noQuorumThisRound += other.NoQuorum ? 1 : 0;
        _lastHint = other.Hint.IsSome && other.Hint != target ? other.Hint : _lastHint;
        Leave(range, target);
        if (other.Descriptor is { } descriptor)
        {
            _core.Router.Learn(_core.View, descriptor);
        }

        if (other.Hint.IsSome && other.Hint != target && _redirects < RedirectsMax && Host.IsLive(other.Hint))
        {
            _redirects++;
            _hint = other.Hint;
        }
    }

    private CallEnd? AfterMove(RangeDescriptor range, NodeId target, RangeOutcome.Moved moved)
    {
        var news = false;
        foreach (var descriptor in moved.Descriptors)
        {
            news |= _core.Router.Learn(_core.View, descriptor);
        }

        if (!news || _redirects++ >= RedirectsMax)
        {
            Leave(range, target);
        }

        // Keys that no longer share a range are the caller's to part. It is told once this node knows better, whoever taught it.
        news |= HasParts && _core.Router.Find(_core.View, _route) != range;
        return news && HasParts ? new(moved, null, _open) : null;
    }

    private bool HasParts => _operation switch
    {
        RangeOperation.Get get => get.Keys.Length > 1,
        RangeOperation.Write write => write.Writes.Length + write.Checks.Length > 1,
        RangeOperation.Lay lay => lay.Writes.Length > 1,
        RangeOperation.Look look => look.Keys.Length > 1,
        RangeOperation.Refresh refresh => refresh.Keys.Length > 1 || !refresh.Spans.IsEmpty,
        RangeOperation.FindIntents find => find.Keys.Length > 1,
        RangeOperation.Finish finish => finish.Count > 1,
        _ => false,
    };

    private void Leave(RangeDescriptor range, NodeId target)
    {
        _core.Router.Forget(range.Id, target);
        (_tried ??= []).Add(target);
    }

    private NodeId NextTarget(RangeDescriptor range)
    {
        if (_hint.IsSome)
        {
            var hint = _hint;
            _hint = NodeId.None;
            return hint;
        }

        if (_core.Router.TryGetLeaseholder(range.Id, out var cached) && IsCandidate(cached))
        {
            return cached;
        }

        var known = Host.LeaderHint(range.Id);
        return known.IsSome && IsCandidate(known) ? known : BestVoter(range);
    }

    private bool IsCandidate(NodeId node) => (_tried is null || !_tried.Contains(node)) && Host.IsLive(node);

    // By lease preference, then by distance, then by id: the first is where the leaseholder should be.
    private NodeId BestVoter(RangeDescriptor range)
    {
        var best = NodeId.None;
        var bestRank = (Preference: 0, Rtt: 0L);
        foreach (var voter in range.Configuration.Voters)
        {
            if (range.Configuration.IsWitness(voter) || !IsCandidate(voter))
            {
                continue;
            }

            var rank = (PreferenceOf(range, voter), RttTo(voter));
            if (!best.IsSome || rank.CompareTo(bestRank) < 0)
            {
                (best, bestRank) = (voter, rank);
            }
        }

        return best;
    }

    private int PreferenceOf(RangeDescriptor range, NodeId voter)
    {
        var place = _core.View.Nodes.TryGetValue(voter, out var node) ? range.LeasePreferences.IndexOf(node.Region, StringComparer.Ordinal)
            : -1;
        return place < 0 ? int.MaxValue : place;
    }

    private long RttTo(NodeId node) => node == Host.Self.Id ? 0 : Host.RttMicros(node) ?? UnknownRttMicros;

    // Three round trips and half a second, and for a write those of the leaseholder to its voters as far as they can be told from here
    // (no farther than over this node); twice as long after each attempt that was not answered, so a slow range is not asked to death.
    private TimeSpan AttemptTimeout(RangeDescriptor range, NodeId target)
    {
        var rtt = RttTo(target);
        if (_isWrite)
        {
            var farthest = 0L;
            foreach (var voter in range.Configuration.Voters)
            {
                farthest = Math.Max(farthest, RttTo(voter));
            }

            rtt += rtt + farthest;
        }

        var attempt = TimeSpan.FromMicroseconds(500_000 + (3 * rtt)) * (1 << Math.Min(_timeouts, 4));
        var remaining = _scope.Remaining;
        return attempt < remaining ? attempt : remaining;
    }

    // Everybody who could lead was asked. Either it is known why nobody can, or it is tried again after a pause.
    private async Task<CallEnd?> EndRoundAsync(RangeDescriptor range)
    {
        if (!_open && LossAfterRound(range) is { } loss)
        {
            return new CallEnd(null, loss);
        }

        var gone = _noReplicaThisRound > 0 && _noReplicaThisRound >= (_tried?.Count ?? 0) && range.Id != SystemKeys.RangeId;
        _tried?.Clear();
        (_redirects, _answeredThisRound, _noQuorumThisRound, _noReplicaThisRound) = (0, 0, 0, 0);
        _lastHint = NodeId.None;
        if (gone && await _core.RefreshSystemAsync(_scope) is { } error && !_open)
        {
            return new CallEnd(null, error);
        }

        Host.Metrics?.Retried("backoff");
        await _core.BackOffAsync(_scope, _rounds++);
        return null;
    }

    private GeoError? LossAfterRound(RangeDescriptor range)
    {
        if (_core.Availability.KnownLoss(range) is { } loss)
        {
            return loss;
        }

        if (_answeredThisRound > 0 && _noQuorumThisRound == (_tried?.Count ?? 0))
        {
            return _core.Availability.NoQuorum(range);
        }

        // The voters that can be reached name a leaseholder that cannot, and have had the time to replace it if it were gone for them too.
        return _lastHint.IsSome && _core.Availability.IsLongLost(_lastHint)
            ? _core.Availability.Unreachable(range, "the leaseholder")
            : null;
    }

    // No range holds the key: the table is gone, or this node's directory is behind. The system range knows.
    private async Task<GeoError?> FindRangeAsync()
    {
        if (SystemKeys.Span.Contains(_route))
        {
            await _core.BackOffAsync(_scope, _rounds++);
            return null;
        }

        var error = await _core.RefreshSystemAsync(_scope);
        var found = _before ? _core.Router.FindBefore(_core.View, _route) : _core.Router.Find(_core.View, _route);
        if (found is not null)
        {
            return null;
        }

        if (_open || (error is null && _core.Router.KnowsTableOf(_core.View, _route)))
        {
            await _core.BackOffAsync(_scope, _rounds++);
            return null;
        }

        return error ?? new(GeoErrorKind.NotFound, "table-dropped", "no range holds the key any more: the table was dropped");
    }

    private CallEnd AtDeadline(RangeDescriptor? range)
    {
        if (_open && !PlantedBug.Is("gateway.unknown-as-failure"))
        {
            return new(null, new(
                GeoErrorKind.OutcomeUnknown,
                "outcome-unknown",
                "the write was sent and its outcome is not known; ask again with the same idempotency key to find out",
                Facts: range is null ? null : ImmutableSortedDictionary<string, string>.Empty.Add("range", range.Id.Value.ToString())),
                true);
        }

        if (range is null)
        {
            return new(null, GatewayCore.Deadline("the range was not found in time"));
        }

        if (_core.Availability.KnownLoss(range) is { } loss)
        {
            return new(null, loss);
        }

        return new(null, _noQuorumThisRound > 0 && _noQuorumThisRound == _answeredThisRound ? _core.Availability.NoQuorum(range)
            : _attempts > 0 && !_anyAnswer ? _core.Availability.Unreachable(range, "the leaseholder")
            : GatewayCore.Deadline($"range {range.Id} had no leaseholder that answered in time"));
    }

    private static GeoError TooBusy(RangeOutcome.Overloaded overloaded) => new(
        GeoErrorKind.Overloaded, "overloaded", $"a queue is full: {overloaded.Queue}; nothing was done", RetryAfterMs: 100);
}
