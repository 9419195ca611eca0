using System.Collections.Immutable;
using System.Reflection;
using OrleansGeo.Locality;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What there is and how it is, as this node knows it; and what an operator does to one range.</summary>
internal sealed class ClusterQueries(GatewayCore core, CatalogChanges changes)
{
    // More than this many leaseholders are not asked for one answer; of the rest this node's hints are believed.
    private const int LeasesAskedMax = 256;
    private static readonly TimeSpan s_leaseBelieved = TimeSpan.FromSeconds(5);
    private static readonly string s_version =
        typeof(ClusterQueries).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
            ?? "0";

    private readonly Dictionary<RangeId, (NodeId Leader, long At)> _provenLeases = [];

    public ClusterInfo Cluster()
    {
        var view = core.View;
        var self = core.Host.Self;
        return new(
            view.ClusterId,
            self.Name,
            self.Region,
            self.Zone,
            view.Nodes.Keys.Count(core.Host.IsLive),
            view.Nodes.Count,
            [.. view.Nodes.Values.Select(node => node.Region).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            s_version);
    }

    public Listing<NodeInfo> Nodes()
    {
        var (replicas, leads) = (new Dictionary<NodeId, int>(), new Dictionary<NodeId, int>());
        foreach (var (_, range) in core.View.RangesByStart)
        {
            foreach (var member in range.Configuration.Members())
            {
                replicas[member] = replicas.GetValueOrDefault(member) + 1;
            }

            if (LeaderOf(range) is { IsSome: true } leader)
            {
                leads[leader] = leads.GetValueOrDefault(leader) + 1;
            }
        }

        var nodes = ImmutableArray.CreateBuilder<NodeInfo>();
        foreach (var (id, node) in core.View.Nodes)
        {
            var isSelf = id == core.Host.Self.Id;
            nodes.Add(new(
                node.Name,
                id.Value,
                node.Region,
                node.Zone,
                core.Host.IsLive(id),
                core.Host.IsDraining(id),
                isSelf ? 0 : core.Host.LastHeardMicros(id) / 1000.0,
                isSelf ? 0 : core.Host.RttMicros(id) / 1000.0,
                replicas.GetValueOrDefault(id),
                leads.GetValueOrDefault(id),
                node.HttpAddress));
        }

        return new(nodes.ToImmutable());
    }

    public Listing<LatencyInfo> Latencies()
    {
        var self = core.Host.Self;
        var latencies = ImmutableArray.CreateBuilder<LatencyInfo>();
        foreach (var (id, node) in core.View.Nodes)
        {
            if (id != self.Id && core.Host.RttMicros(id) is { } micros)
            {
                latencies.Add(new(self.Name, self.Region, node.Name, node.Region, micros / 1000.0));
            }
        }

        return new(latencies.ToImmutable());
    }

    public Listing<RangeInfo> Ranges(TableInfo? table)
    {
        var names = new Dictionary<long, string> { [0] = "system" };
        foreach (var (_, record) in core.View.Tables)
        {
            names[record.Info.Id] = $"{record.Info.Database}.{record.Info.Spec.Name}";
        }

        var ranges = ImmutableArray.CreateBuilder<RangeInfo>();
        foreach (var range in core.Router.All(core.View))
        {
            if (table is null || range.TableId == table.Id)
            {
                ranges.Add(Describe(Newest(range), names));
            }
        }

        return new(ranges.ToImmutable());
    }

    public async Task<Readiness> ReadinessAsync(RequestScope scope)
    {
        var reasons = ImmutableArray.CreateBuilder<string>();
        if (core.Host.IsDraining(core.Host.Self.Id))
        {
            return new(false, ["this node is about to leave"]);
        }

        if (core.View.ClusterId.Length == 0)
        {
            return new(false, ["this node has not applied the system range yet"]);
        }

        var asked = new List<(RangeDescriptor Range, Task<CallEnd> Call, RequestScope Part)>();
        foreach (var (_, range) in core.View.RangesByStart)
        {
            if (IsProven(range))
            {
                continue;
            }

            if (asked.Count < LeasesAskedMax)
            {
                var part = scope.Fork();
                asked.Add((range, core.AskAsync(part, range.Span.Start, new RangeOperation.Get([], null)), part));
            }
            else if (LeaderOf(range) is not { IsSome: true } leader || !core.Host.IsLive(leader))
            {
                reasons.Add($"range {range.Id} has no leaseholder that this node knows");
            }
        }

        foreach (var (range, call, part) in asked)
        {
            var end = await call;
            if (end.Error is { } error)
            {
                reasons.Add($"range {range.Id}: {error.Detail}");
            }
            else
            {
                _provenLeases[range.Id] = (part.ServedBy, core.Host.Time.GetTimestamp());
            }
        }

        return new(reasons.Count == 0, reasons.ToImmutable());
    }

    public async Task<GeoResult<RangeInfo>> SplitAsync(RequestScope scope, long id, ImmutableArray<Datum>? at)
    {
        var (range, unknown) = await FindAsync(scope, id);
        if (range is null)
        {
            return scope.Fail<RangeInfo>(unknown!);
        }

        Key? splitKey = null;
        if (at is { } values)
        {
            if (SplitKey(range, values, out var key) is { } invalid)
            {
                return scope.Fail<RangeInfo>(invalid);
            }

            splitKey = key;
        }

        var (newRange, error) = await changes.AllocateIdAsync(scope);
        if (error is not null)
        {
            // What may or may not have been given out is an id; the range is as it was.
            return scope.Fail<RangeInfo>(
                error.Kind == GeoErrorKind.OutcomeUnknown ? GatewayCore.Deadline("no id for the new range in time") : error);
        }

        return await AdministerAsync(scope, range, splitKey ?? range.Span.Start, new RangeOperation.Split(splitKey, new(newRange)));
    }

    public async Task<GeoResult<RangeInfo>> TransferAsync(RequestScope scope, long id, string node)
    {
        var (range, unknown) = await FindAsync(scope, id);
        if (range is null)
        {
            return scope.Fail<RangeInfo>(unknown!);
        }

        var target = core.View.Nodes.Values.FirstOrDefault(record => string.Equals(record.Name, node, StringComparison.Ordinal));
        if (target is null)
        {
            return scope.Fail<RangeInfo>(new(GeoErrorKind.NotFound, "node-not-found", $"there is no node {node}", "node"));
        }

        if (!range.Configuration.IsVoter(target.Id) || range.Configuration.IsWitness(target.Id))
        {
            return scope.Fail<RangeInfo>(new(
                GeoErrorKind.Unprocessable, "not-a-voter", $"node {node} is no voter of range {range.Id} that can lead", "node"));
        }

        var result = await AdministerAsync(scope, range, range.Span.Start, new RangeOperation.TransferLeader(target.Id));
        core.Router.NoteLeaseholder(range.Id, target.Id);
        for (var round = 0; result.IsOk && !scope.IsOver; round++)
        {
            // The hand-over takes a round trip or two; whoever serves a strong read now leads.
            var read = await core.AskAsync(scope, range.Span.Start, new RangeOperation.Get([], null));
            if (read.Outcome is RangeOutcome.Found && (scope.ServedBy == target.Id || round >= TransferRoundsMax))
            {
                return scope.Ok(Describe(Newest(range), Names(range)));
            }

            await core.BackOffAsync(scope, round);
        }

        return result;
    }

    private const int TransferRoundsMax = 12;

    private async Task<GeoResult<RangeInfo>> AdministerAsync(RequestScope scope, RangeDescriptor range, Key route, RangeOperation operation)
    {
        var end = await core.AskAsync(scope, route, operation);
        if (end.Outcome is not RangeOutcome.Described described)
        {
            return scope.Fail<RangeInfo>(end.Error ?? CatalogReader.Unexpected(end.Outcome));
        }

        var left = range;
        foreach (var descriptor in described.Descriptors)
        {
            core.Router.Learn(core.View, descriptor);
            left = descriptor.Id == range.Id ? descriptor : left;
        }

        return scope.Ok(Describe(left, Names(range)));
    }

    private async Task<(RangeDescriptor? Range, GeoError? Error)> FindAsync(RequestScope scope, long id)
    {
        if (core.Router.ById(core.View, new(id)) is { } known)
        {
            return (known, null);
        }

        return await core.RefreshSystemAsync(scope) is { } error ? (null, error)
            : core.Router.ById(core.View, new(id)) is { } found ? (found, null)
            : (null, new(GeoErrorKind.NotFound, "range-not-found", $"there is no range {id}", "range"));
    }

    private GeoError? SplitKey(RangeDescriptor range, ImmutableArray<Datum> at, out Key key)
    {
        key = default;
        if (core.View.Tables.Values.FirstOrDefault(record => record.Info.Id == range.TableId) is not { } table)
        {
            return new(GeoErrorKind.Unprocessable, "system-range", $"range {range.Id} belongs to no table and is not split", "range");
        }

        if (at.IsDefaultOrEmpty)
        {
            return new(GeoErrorKind.Invalid, "wrong-key-length", "a split key names at least the first key column", "at");
        }

        return RowMapper.TryPrefix(table.Info, at, "at", out key) is { } invalid ? invalid
            : !range.Span.Contains(key) || key == range.Span.Start
                ? new(GeoErrorKind.Unprocessable, "split-key-outside", $"the key does not lie inside range {range.Id}", "at")
                : null;
    }

    private RangeInfo Describe(RangeDescriptor range, Dictionary<long, string> names)
    {
        var local = core.Host.LocalReplica(range.Id);
        var shortfall = core.Availability.Shortfall(range);
        var leader = LeaderOf(range);
        return new(
            range.Id.Value,
            names.GetValueOrDefault(range.TableId) ?? $"dropped table {range.TableId}",
            Readable(range.Span.Start),
            Readable(range.Span.End),
            range.Generation,
            leader.IsSome ? NameOf(leader) : null,
            local?.Term.Value,
            [.. range.Configuration.Members().Select(member => Replica(range, member))],
            range.TableId == 0 ? "system" : range.Goal.ToString().ToLowerInvariant(),
            shortfall is null,
            shortfall,
            local?.SizeBytes,
            local?.Resolved,
            local is null || local.Resolved == HlcTimestamp.Zero ? null
                : Math.Max(0, core.Host.Clock.WallMillis - local.Resolved.WallMillis));
    }

    private ReplicaInfo Replica(RangeDescriptor range, NodeId member)
    {
        core.View.Nodes.TryGetValue(member, out var node);
        var role = range.Configuration.IsWitness(member) ? "witness" : range.Configuration.IsVoter(member) ? "voter" : "non-voter";
        return new(node?.Name ?? member.ToString(), node?.Region ?? "?", node?.Zone ?? "?", role, core.Host.IsLive(member));
    }

    // What the own replica says is as new as what was learnt, or newer.
    private RangeDescriptor Newest(RangeDescriptor range) =>
        core.Host.LocalReplica(range.Id) is { } local && local.Descriptor.Generation > range.Generation ? local.Descriptor : range;

    private NodeId LeaderOf(RangeDescriptor range)
    {
        var hint = core.Host.LeaderHint(range.Id);
        return hint.IsSome ? hint : core.Router.TryGetLeaseholder(range.Id, out var known) ? known : NodeId.None;
    }

    private bool IsProven(RangeDescriptor range) =>
        core.Host.LocalReplica(range.Id) is { HasLease: true }
        || (_provenLeases.TryGetValue(range.Id, out var proven) && core.Host.IsLive(proven.Leader)
            && core.Host.Time.GetElapsedTime(proven.At) < s_leaseBelieved);

    private string NameOf(NodeId node) => core.View.Nodes.TryGetValue(node, out var record) ? record.Name : node.ToString();

    private Dictionary<long, string> Names(RangeDescriptor range)
    {
        var table = core.View.Tables.Values.FirstOrDefault(record => record.Info.Id == range.TableId)?.Info;
        return new() { [0] = "system", [range.TableId] = table is null ? "system" : $"{table.Database}.{table.Spec.Name}" };
    }

    private static string Readable(Key key)
    {
        if (key.Length == 0 || key.Span[0] != TableKeys.UserSpace)
        {
            return key.ToString();
        }

        return !TableKeys.TryDecodeRow(key.Span, out var table, out var index, out var columns) ? key.ToString()
            : columns.Length == 0 ? $"table {table} index {index}"
            : string.Join(',', columns.Select(column => column.ToString()));
    }
}
