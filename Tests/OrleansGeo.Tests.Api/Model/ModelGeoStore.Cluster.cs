using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

public sealed partial class ModelGeoStore
{
    private static readonly ImmutableArray<NodeInfo> s_nodes =
    [
        new("n1", 1, "us-east1", "us-east1-a", true, false, 0, 0, 1, 1, "http://127.0.0.1:7101"),
        new("n2", 2, "us-west1", "us-west1-a", true, true, 12.5, 66.2, 1, 0, null),
        new("n3", 3, "europe-west1", "europe-west1-a", false, false, null, null, 1, 0, null),
    ];

    private readonly SortedDictionary<long, RangeInfo> _ranges = [];

    public Task<GeoResult<ClusterInfo>> GetClusterAsync(RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Given(new ClusterInfo("c-1", "n1", "us-east1", "us-east1-a", 2, 3, s_regions, "0.1.0")));

    public Task<GeoResult<Listing<NodeInfo>>> ListNodesAsync(RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Given(new Listing<NodeInfo>(s_nodes)));

    public Task<GeoResult<Listing<RangeInfo>>> ListRangesAsync(TableRef? table, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => table is { } one
            ? WithTable(one, found => Given(new Listing<RangeInfo>([.. _ranges.Values.Where(range => range.Table == NameOf(found.Info))])))
            : Given(new Listing<RangeInfo>([.. _ranges.Values])));

    public Task<GeoResult<Listing<LatencyInfo>>> ListLatenciesAsync(RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Given(new Listing<LatencyInfo>([new("n1", "us-east1", "n2", "us-west1", 66.2)])));

    public Task<GeoResult<Readiness>> GetReadinessAsync(RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => Given(Ready));

    public Task<GeoResult<RangeInfo>> SplitRangeAsync(
        long range, ImmutableArray<Datum>? at, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            if (!_ranges.TryGetValue(range, out var left))
            {
                return Refused<RangeInfo>(NoRange(range));
            }

            var key = at is { } given ? string.Join('/', given) : left.Start + "~";
            if (key == left.Start)
            {
                return Refused<RangeInfo>(SchemaRules.Wrong("at", "outside-range", "The range begins there."));
            }

            var right = left with { Id = ++_lastId, Start = key };
            _ranges[right.Id] = right;
            return Given(_ranges[range] = left with { End = key, Generation = left.Generation + 1 });
        });

    public Task<GeoResult<RangeInfo>> TransferLeaderAsync(
        long range, string node, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            if (!_ranges.TryGetValue(range, out var found))
            {
                return Refused<RangeInfo>(NoRange(range));
            }

            return s_nodes.Any(one => one.Name == node)
                ? Given(_ranges[range] = found with { Leaseholder = node, Term = found.Term + 1 })
                : Refused<RangeInfo>(new(GeoErrorKind.NotFound, "unknown-node", $"There is no node {node}.", "node"));
        });

    private void AddFirstRange(TableInfo table)
    {
        var replicas = s_nodes.Select(node => new ReplicaInfo(node.Name, node.Region, node.Zone, "voter", node.Live)).ToImmutableArray();
        var id = ++_lastId;
        _ranges[id] = new(
            id, NameOf(table), "", "max", 1, "n1", 3, replicas, "zone", true, null, 4096, _now.AddMillis(-ClosedLagMs), ClosedLagMs);
    }

    private void RemoveRanges(TableInfo table)
    {
        foreach (var id in _ranges.Where(pair => pair.Value.Table == NameOf(table)).Select(pair => pair.Key).ToArray())
        {
            _ranges.Remove(id);
        }
    }

    private static string NameOf(TableInfo table) => $"{table.Database}.{table.Spec.Name}";

    private static GeoError NoRange(long id) => new(GeoErrorKind.NotFound, "unknown-range", $"There is no range {id}.", "id");
}
