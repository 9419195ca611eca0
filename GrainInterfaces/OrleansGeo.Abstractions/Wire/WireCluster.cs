using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Wire;

/// <summary>What is said of the cluster, as bytes.</summary>
internal static class WireCluster
{
    public static void WriteCluster(CodecWriter writer, ClusterInfo cluster)
    {
        writer.WriteString(cluster.ClusterId);
        writer.WriteString(cluster.Node);
        writer.WriteString(cluster.Region);
        writer.WriteString(cluster.Zone);
        writer.WriteInt32(cluster.LiveNodes);
        writer.WriteInt32(cluster.Nodes);
        writer.WriteStrings(cluster.Regions);
        writer.WriteString(cluster.Version);
    }

    public static ClusterInfo ReadCluster(ref CodecReader reader) => new(
        reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt32(), reader.ReadInt32(),
        reader.ReadStrings(), reader.ReadString());

    public static void WriteNodes(CodecWriter writer, Listing<NodeInfo> nodes) =>
        writer.WriteList(nodes.Items, static (writer, node) =>
        {
            writer.WriteString(node.Name);
            writer.WriteInt32(node.Id);
            writer.WriteString(node.Region);
            writer.WriteString(node.Zone);
            writer.WriteBool(node.Live);
            writer.WriteBool(node.Draining);
            writer.WriteOptional(node.LastHeardMs);
            writer.WriteOptional(node.RttMs);
            writer.WriteInt32(node.Replicas);
            writer.WriteInt32(node.Leaseholders);
            writer.WriteOptional(node.HttpAddress);
        });

    public static Listing<NodeInfo> ReadNodes(ref CodecReader reader) =>
        new(reader.ReadList(static (ref reader) => new NodeInfo(
            reader.ReadString(), reader.ReadInt32(), reader.ReadString(), reader.ReadString(), reader.ReadBool(), reader.ReadBool(),
            WireFields.ReadOptionalDouble(ref reader), WireFields.ReadOptionalDouble(ref reader), reader.ReadInt32(), reader.ReadInt32(),
            reader.ReadOptionalString())));

    public static void WriteLatencies(CodecWriter writer, Listing<LatencyInfo> latencies) =>
        writer.WriteList(latencies.Items, static (writer, latency) =>
        {
            writer.WriteString(latency.From);
            writer.WriteString(latency.FromRegion);
            writer.WriteString(latency.To);
            writer.WriteString(latency.ToRegion);
            WireFields.WriteDouble(writer, latency.RttMs);
        });

    public static Listing<LatencyInfo> ReadLatencies(ref CodecReader reader) =>
        new(reader.ReadList(static (ref reader) => new LatencyInfo(
            reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), WireFields.ReadDouble(ref reader))));

    public static void WriteReadiness(CodecWriter writer, Readiness readiness)
    {
        writer.WriteBool(readiness.Ready);
        writer.WriteStrings(readiness.Reasons);
    }

    public static Readiness ReadReadiness(ref CodecReader reader) => new(reader.ReadBool(), reader.ReadStrings());

    public static void WriteRanges(CodecWriter writer, Listing<RangeInfo> ranges) =>
        writer.WriteList(ranges.Items, WriteRange);

    public static Listing<RangeInfo> ReadRanges(ref CodecReader reader) => new(reader.ReadList(ReadRange));

    public static void WriteRange(CodecWriter writer, RangeInfo range)
    {
        writer.WriteInt64(range.Id);
        writer.WriteString(range.Table);
        writer.WriteString(range.Start);
        writer.WriteString(range.End);
        writer.WriteInt64(range.Generation);
        writer.WriteOptional(range.Leaseholder);
        writer.WriteOptional(range.Term);
        writer.WriteList(range.Replicas, static (writer, replica) =>
        {
            writer.WriteString(replica.Node);
            writer.WriteString(replica.Region);
            writer.WriteString(replica.Zone);
            writer.WriteString(replica.Role);
            writer.WriteBool(replica.Live);
        });
        writer.WriteString(range.Goal);
        writer.WriteBool(range.GoalMet);
        writer.WriteOptional(range.Shortfall);
        writer.WriteOptional(range.SizeBytes);
        writer.WriteOptional(range.ClosedTimestamp);
        writer.WriteOptional(range.ClosedLagMs);
    }

    public static RangeInfo ReadRange(ref CodecReader reader) => new(
        reader.ReadInt64(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt64(),
        reader.ReadOptionalString(), WireFields.ReadOptionalInt64(ref reader), ReadReplicas(ref reader), reader.ReadString(),
        reader.ReadBool(), reader.ReadOptionalString(), WireFields.ReadOptionalInt64(ref reader),
        reader.ReadOptionalTimestamp(), WireFields.ReadOptionalDouble(ref reader));

    private static ImmutableArray<ReplicaInfo> ReadReplicas(ref CodecReader reader) =>
        reader.ReadList(static (ref reader) => new ReplicaInfo(
            reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadBool()));
}
