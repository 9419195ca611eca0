using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a node says of itself when it asks to join.</summary>
/// <param name="ClusterId">The cluster it means.</param>
/// <param name="Name">Its name, which no other node ever had.</param>
/// <param name="Region">Its region.</param>
/// <param name="Zone">Its zone.</param>
/// <param name="HttpAddress">Where it answers REST, or null.</param>
/// <param name="Token">Drawn by the node once and kept: who asks with it again is the same node. 16 bytes or more.</param>
public sealed record JoinRequest(
    string ClusterId, string Name, string Region, string Zone, string? HttpAddress, ImmutableArray<byte> Token);

/// <summary>What a node that joined is told.</summary>
/// <param name="Node">Its id, for good.</param>
/// <param name="TokenSecret">The cluster's secret.</param>
/// <param name="Nodes">The nodes of the cluster, itself among them: whom it can hear from before it has the system range.</param>
public sealed record JoinAnswer(NodeId Node, ImmutableArray<byte> TokenSecret, ImmutableArray<NodeRecord> Nodes);

/// <summary>
/// Members for a running cluster. A join writes the node's record, its name and the id counter in one conditional write, so two nodes never
/// get one id or one name; the system range's leaseholder then makes the node a follower of the system range (see
/// <see cref="SystemMembers"/>), and from it the node learns everything else.
/// </summary>
internal sealed class NodeJoins(GatewayCore core, CatalogReader catalog)
{
    private const int TokenBytesMin = 16;
    private readonly CatalogCommit _commit = new(core);

    public async Task<GeoResult<JoinAnswer>> JoinAsync(RequestScope scope, JoinRequest join)
    {
        if (Check(join) is { } invalid)
        {
            return scope.Fail<JoinAnswer>(invalid);
        }

        var anchor = SystemKeys.NodeName(join.Name);
        var nodes = ImmutableArray<NodeRecord>.Empty;
        var known = NodeId.None;
        var secret = ImmutableArray<byte>.Empty;
        var end = await _commit.RunAsync(scope, new(string.Empty, anchor, null, RequestIds.Hash("join " + join.Name)), async () =>
        {
            var (found, error) = await catalog.ReadAsync(scope, anchor, SystemKeys.LastNode, SystemKeys.Cluster);
            var (rows, unread) = found is null ? ([], error) : await catalog.ScanAsync(scope, SystemKeys.Nodes);
            if ((error ?? unread) is { } failed)
            {
                return (null, failed);
            }

            nodes = [.. rows.Select(row => SystemRecords.DecodeNode(row.Value!))];
            var cluster = SystemRecords.DecodeCluster(found!.Values[2].Value);
            secret = cluster.TokenSecret;
            if (cluster.ClusterId != join.ClusterId)
            {
                return (null, Unfit("wrong-cluster", $"this is cluster {cluster.ClusterId}, not {join.ClusterId}", "clusterId"));
            }

            if (found.Values[0].Value is { } taken && SystemRecords.DecodeJoin(taken) is var (node, token))
            {
                known = token.AsSpan().SequenceEqual(join.Token.AsSpan()) ? node : NodeId.None;
                return (null, NameTaken(join, nodes));
            }

            return nodes.Any(node => node.Name == join.Name) ? (null, NameTaken(join, nodes)) : (Plan(join, anchor, nodes, found), null);
        });
        if (end.Error is { } refused)
        {
            return known.IsSome ? scope.Ok(new JoinAnswer(known, secret, nodes)) : scope.Fail<JoinAnswer>(refused);
        }

        var id = SystemRecords.DecodeJoin(end.Record).Node;
        return scope.Ok(new JoinAnswer(id, secret, [.. nodes.Where(node => node.Id != id), Record(id, join)]));
    }

    private static CatalogPlan Plan(JoinRequest join, Key anchor, ImmutableArray<NodeRecord> nodes, RangeOutcome.Found found)
    {
        var last = found.Values[1];
        var highest = last.Value is null ? nodes.Max(node => node.Id.Value) : (int)SystemRecords.DecodeNextId(last.Value);
        var id = new NodeId(highest + 1);
        return new(
        [
            new(WriteKind.Put, anchor, SystemRecords.EncodeJoin(id, join.Token.AsSpan()), CatalogCommit.Absent),
            new(WriteKind.Put, SystemKeys.LastNode, SystemRecords.EncodeNextId(id.Value),
                PlantedBug.Is("gateway.joins-race") ? Precondition.None
                    : last.Value is null ? CatalogCommit.Absent : CatalogCommit.Unchanged(last.Version)),
            new(WriteKind.Put, SystemKeys.Node(id), SystemRecords.Encode(Record(id, join)),
                PlantedBug.Is("gateway.joins-race") ? Precondition.None : CatalogCommit.Absent),
        ]);
    }

    private static NodeRecord Record(NodeId id, JoinRequest join) => new(id, join.Name, join.Region, join.Zone, join.HttpAddress);

    private static GeoError? Check(JoinRequest join) =>
        Wrong(join.Name, "name") ?? Wrong(join.Region, "region") ?? Wrong(join.Zone, "zone")
        ?? (join.Token.IsDefault || join.Token.Length < TokenBytesMin
            ? Unfit("bad-token", $"a join token has at least {TokenBytesMin} bytes", "token") : null);

    private static GeoError? Wrong(string label, string field) =>
        NodeRecord.IsLabel(label) ? null : Unfit("bad-label", $"a node's {field} has {NodeRecord.LabelRule}: \"{label}\"", field);

    private static GeoError NameTaken(JoinRequest join, ImmutableArray<NodeRecord> nodes)
    {
        var other = nodes.FirstOrDefault(node => node.Name == join.Name);
        return new(
            GeoErrorKind.AlreadyExists,
            "node-name-taken",
            $"the name {join.Name} belongs to node {other?.Id.ToString() ?? "?"} in {other?.Region ?? "?"}, whose data is elsewhere; "
                + "a node that lost its data joins under a new name",
            "name");
    }

    private static GeoError Unfit(string code, string detail, string field) => new(GeoErrorKind.Unprocessable, code, detail, field);
}
