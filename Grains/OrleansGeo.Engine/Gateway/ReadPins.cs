using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>The moment a stale read is made at.</summary>
/// <param name="At">The timestamp.</param>
/// <param name="LocalOnly">Nothing outside this region may be asked.</param>
/// <param name="Consistency">What was given, in the words of the request header.</param>
/// <param name="PromiseAgeMicros">Elapsed time since the leaders spoke whose word the moment rests on; zero when none was needed.</param>
/// <param name="AtLeaseholder">The moment is too new for any replica but the leaseholder.</param>
/// <param name="PinnedAtMs">This node's wall clock when the moment was chosen: a bound is about the time of asking, however long answers
/// take.</param>
internal readonly record struct ReadPin(
    HlcTimestamp At, bool LocalOnly, string Consistency, long PromiseAgeMicros, long PinnedAtMs, bool AtLeaseholder = false);

/// <summary>
/// Reads at a timestamp that does not move. <i>Exact</i> and <i>at</i> name it; <i>bounded</i> takes the newest moment that every range
/// involved can serve in this region: the minimum over all of them, so that rows of several ranges belong to one moment. When that is too
/// old the leaseholders are asked for now. A session raises the moment, never lowers it.
/// <para>
/// Local means this region: the node's own replica when it has one, else one beside it, at no wide-area hop. A replica that has resolved a
/// timestamp answers at or below it for good, so nothing here needs a lease, and it works in a region that is cut off. Unless only local
/// ones may be asked, a moment that every replica must know by now is asked of the nearest anywhere, so such reads need no leaseholder
/// either.
/// </para>
/// <para>
/// What time it is, is this node's own clock's word (the contract says so); that the leaders spoke long ago is counted in elapsed time
/// besides, so a clock that was set back cannot make an old answer look fresh.
/// </para>
/// </summary>
internal sealed class ReadPins(GatewayCore core)
{
    /// <summary>The pin of a bound that names its moment itself.</summary>
    public (ReadPin Pin, GeoError? Error) Named(ReadBound bound, RequestScope scope)
    {
        var now = core.Host.Clock;
        switch (bound)
        {
            case ReadBound.Exact { StalenessMs: >= 0 and <= StalenessMsMax } exact:
                var at = HlcTimestamp.Later(now.AddMillis(-exact.StalenessMs), scope.Session);
                return (new(at, exact.LocalOnly, Words($"exact;ms={exact.StalenessMs}", exact.LocalOnly), 0, now.WallMillis), null);
            case ReadBound.At fixedTime when fixedTime.Timestamp > now:
                return (default, new(
                    GeoErrorKind.Invalid, "timestamp-in-future", $"{fixedTime.Timestamp} lies ahead of this node's clock {now}",
                        "Geo-Consistency"));
            case ReadBound.At fixedTime when fixedTime.Timestamp < scope.Session:
                return (default, new(
                    GeoErrorKind.Invalid, "timestamp-before-session",
                        $"the session has seen {scope.Session} and asks for {fixedTime.Timestamp}",
                    "Geo-Consistency"));
            case ReadBound.At fixedTime:
                var words = Words($"at;ts={fixedTime.Timestamp}", fixedTime.LocalOnly);
                return (new(fixedTime.Timestamp, fixedTime.LocalOnly, words, 0, now.WallMillis), null);
            default:
                return (default, new(
                    GeoErrorKind.Invalid, "bad-staleness", $"a staleness is 0 to {StalenessMsMax} milliseconds", "Geo-Consistency"));
        }
    }

    /// <summary>The pin of a bounded read over some ranges.</summary>
    public async Task<(ReadPin Pin, GeoError? Error)> BoundedAsync(
        ReadBound.Bounded bound, IReadOnlyList<RangeDescriptor> ranges, RequestScope scope)
    {
        if (bound.MaxStalenessMs is < 0 or > StalenessMsMax)
        {
            return (default,
                new(GeoErrorKind.Invalid, "bad-staleness", $"a staleness is 0 to {StalenessMsMax} milliseconds", "Geo-Consistency"));
        }

        var words = Words($"bounded;max-ms={bound.MaxStalenessMs}", bound.LocalOnly);
        var newest = HlcTimestamp.Max;
        var ageMicros = 0L;
        var count = PlantedBug.Is("gateway.bounded-ignores-one-range") && ranges.Count > 1 ? ranges.Count - 1 : ranges.Count;
        for (var i = 0; i < count; i++)
        {
            var (resolved, age) = await LocalFreshnessAsync(ranges[i], bound, scope);
            newest = HlcTimestamp.Earlier(newest, resolved);
            ageMicros = Math.Max(ageMicros, age);
        }

        var now = core.Host.Clock;
        if (newest > HlcTimestamp.Zero && IsFresh(newest, ageMicros, bound.MaxStalenessMs) && newest >= scope.Session)
        {
            return (new(HlcTimestamp.Earlier(newest, now), bound.LocalOnly, words, ageMicros, now.WallMillis), null);
        }

        return bound.LocalOnly
            ? (default, TooFresh(newest))
            : (new(HlcTimestamp.Later(now, scope.Session), false, words, 0, now.WallMillis, AtLeaseholder: true), null);
    }

    /// <summary>A local-only read that cannot be served here.</summary>
    public GeoError TooFresh(HlcTimestamp newest) => new(
        GeoErrorKind.TooFresh,
        "too-fresh",
        newest == HlcTimestamp.Zero
            ? $"no replica in {core.Host.Self.Region} can serve a read now"
            : $"the newest timestamp that can be served in {core.Host.Self.Region} is {newest}",
        RetryAfterMs: 200,
        Facts: ImmutableSortedDictionary<string, string>.Empty
            .Add("newest", newest.ToString())
            .Add("region", core.Host.Self.Region));

    /// <summary>How old what is read at a moment may be, in milliseconds.</summary>
    public double StalenessMs(ReadPin pin) =>
        Math.Max(Math.Max(0, pin.PinnedAtMs - pin.At.WallMillis), pin.PromiseAgeMicros / 1000.0);

    /// <summary>
    /// Asks a range at the pin's moment: this node's replica, then those beside it, then, unless only local ones may be asked, others that
    /// must know the moment, and the leaseholder.
    /// </summary>
    public async Task<CallEnd> AskAsync(RequestScope scope, Key route, bool before, ReadPin pin, RangeOperation operation)
    {
        if ((before ? core.Router.FindBefore(core.View, route) : core.Router.Find(core.View, route)) is { } range)
        {
            var newest = HlcTimestamp.Zero;
            if (PlantedBug.Is("gateway.bounded-ignores-one-range") && core.Host.LocalReplica(range.Id) is { } behind
                && behind.Resolved < pin.At)
            {
                (pin, operation) = (pin with { At = behind.Resolved }, AtMoment(operation, behind.Resolved));
            }

            var nearby = Nearby(range, pin);
            foreach (var node in nearby)
            {
                var result = await CallNearbyAsync(node, node == nearby[^1], range, LocalOnly(operation), scope);
                switch (result.Outcome)
                {
                    case RangeOutcome.Found or RangeOutcome.Scanned or RangeOutcome.TooOld:
                        scope.Paid(result.Path);
                        scope.Served(result.ServedBy, core.Host.LeaderHint(range.Id));
                        return new(result.Outcome, null);
                    case RangeOutcome.TooFresh fresh:
                        newest = HlcTimestamp.Later(newest, fresh.Newest);
                        break;
                    case RangeOutcome.Moved moved when Learn(moved):
                        return new(moved, null);
                    default:
                        break;
                }
            }

            if (pin.LocalOnly)
            {
                return new(null, TooFresh(core.Host.LocalReplica(range.Id) is { } own ? HlcTimestamp.Later(newest, own.Resolved) : newest));
            }
        }
        else if (pin.LocalOnly)
        {
            return new(null, TooFresh(HlcTimestamp.Zero));
        }

        return before ? await core.AskBeforeAsync(scope, route, operation) : await core.AskAsync(scope, route, operation);
    }

    private const long StalenessMsMax = 100L * 365 * 24 * 3600 * 1000;
    private const int LocalTimeoutMs = 500;
    private const int LocalPatienceMs = 50;
    private readonly Dictionary<NodeId, long> _silentSince = [];

    // A neighbour that just died still counts as live. It gets little patience while there is another to ask, and then goes last, so that
    // a read on local replicas never waits for its loss to be known.
    private async Task<CallResult> CallNearbyAsync(
        NodeId node, bool isLast, RangeDescriptor range, RangeOperation operation, RequestScope scope)
    {
        var patience = isLast ? LocalTimeoutMs : LocalPatienceMs + ((core.Host.RttMicros(node) ?? 0) * 4 / 1000.0);
        var timeout = TimeSpan.FromMilliseconds(Math.Min(patience, Math.Max(1, scope.Remaining.TotalMilliseconds)));
        var result = await core.Host.CallAsync(node, range.Id, operation, timeout, scope.Cancellation);
        if (result.Outcome is null)
        {
            _silentSince[node] = core.Host.Time.GetTimestamp();
        }
        else
        {
            _silentSince.Remove(node);
        }

        return result;
    }

    private bool WasSilent(NodeId node) =>
        _silentSince.TryGetValue(node, out var since) && core.Host.Time.GetElapsedTime(since) < 2 * core.Host.SupportDuration;

    private bool Learn(RangeOutcome.Moved moved)
    {
        var news = false;
        foreach (var descriptor in moved.Descriptors)
        {
            news |= core.Router.Learn(core.View, descriptor);
        }

        return news;
    }

    // Replicas to ask before the leaseholder: the own one when it has resolved the moment; else others of the region, unless the
    // leaseholder is there too, who would answer anyway; and all of them when each must have resolved it.
    private List<NodeId> Nearby(RangeDescriptor range, ReadPin pin)
    {
        var nodes = new List<NodeId>();
        if (core.Host.LocalReplica(range.Id) is { } own && own.Resolved >= pin.At)
        {
            nodes.Add(core.Host.Self.Id);
        }
        else if (pin.LocalOnly)
        {
            AddReplicas(range, nodes, anywhere: false);
        }
        else if (!pin.AtLeaseholder && (IsLongPast(pin) || !IsHere(LivingLeader(range))))
        {
            AddReplicas(range, nodes, anywhere: IsLongPast(pin));
        }

        return nodes;
    }

    // Closed timestamps are a target behind now, and told again and again: what is twice that old is resolved everywhere, in good times.
    private bool IsLongPast(ReadPin pin) => core.Host.Clock.WallMillis - pin.At.WallMillis >= 2 * core.Host.ClosedTargetMs;

    // None when it is not known, or is not heard, or did not answer lately.
    private NodeId LivingLeader(RangeDescriptor range) =>
        core.Router.TryGetLeaseholder(range.Id, out var leader) && core.Host.IsLive(leader) && !WasSilent(leader) ? leader : NodeId.None;

    private void AddReplicas(RangeDescriptor range, List<NodeId> nodes, bool anywhere)
    {
        foreach (var member in range.Configuration.Members())
        {
            if (member != core.Host.Self.Id && (anywhere || IsHere(member)) && core.Host.IsLive(member)
                && !range.Configuration.IsWitness(member))
            {
                nodes.Add(member);
            }
        }

        nodes.Sort((a, b) =>
        {
            var order = (WasSilent(a), core.Host.RttMicros(a) ?? long.MaxValue).CompareTo(
                (WasSilent(b), core.Host.RttMicros(b) ?? long.MaxValue));
            return order != 0 ? order : a.CompareTo(b);
        });
    }

    private bool IsHere(NodeId node) =>
        core.View.Nodes.TryGetValue(node, out var record) && string.Equals(record.Region, core.Host.Self.Region, StringComparison.Ordinal);

    private bool IsFresh(HlcTimestamp at, long ageMicros, long maxStalenessMs) =>
        core.Host.Clock.WallMillis - at.WallMillis <= maxStalenessMs && ageMicros / 1000 <= maxStalenessMs;

    // The own replica needs no call. Only when it is too old, or absent, are those beside it asked.
    private async Task<(HlcTimestamp Resolved, long AgeMicros)> LocalFreshnessAsync(
        RangeDescriptor range, ReadBound.Bounded bound, RequestScope scope)
    {
        var maxStalenessMs = bound.MaxStalenessMs;
        var (best, bestAge) = (HlcTimestamp.Zero, 0L);
        if (core.Host.LocalReplica(range.Id) is { } own)
        {
            (best, bestAge) = (own.Resolved, own.PromiseAgeMicros);
            if (IsFresh(best, bestAge, maxStalenessMs))
            {
                return (best, bestAge);
            }
        }

        // A leaseholder beside this node can serve now, which is fresher than any of its neighbours and as near.
        var leader = LivingLeader(range);
        if (!bound.LocalOnly && IsHere(leader))
        {
            return (best, bestAge);
        }

        var neighbours = new List<NodeId>();
        AddReplicas(range, neighbours, anywhere: !bound.LocalOnly && !leader.IsSome);
        foreach (var node in neighbours)
        {
            var result = await CallNearbyAsync(node, node == neighbours[^1], range, new RangeOperation.Freshness(), scope);
            if (result.Outcome is RangeOutcome.Fresh fresh && fresh.Resolved > best)
            {
                (best, bestAge) = (fresh.Resolved, fresh.PromiseAgeMicros);
                if (IsFresh(best, bestAge, maxStalenessMs))
                {
                    break;
                }
            }
        }

        return (best, bestAge);
    }

    private static RangeOperation AtMoment(RangeOperation operation, HlcTimestamp at) => operation switch
    {
        RangeOperation.Get get => get with { At = at },
        RangeOperation.Scan scan => scan with { At = at },
        _ => operation,
    };

    private static RangeOperation LocalOnly(RangeOperation operation) => operation switch
    {
        RangeOperation.Get get => get with { LocalOnly = true },
        RangeOperation.Scan scan => scan with { LocalOnly = true },
        _ => operation,
    };

    private static string Words(string bound, bool localOnly) => localOnly ? bound + ";local-only" : bound;
}
