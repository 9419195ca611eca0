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
        WireFields.WriteStrings(writer, cluster.Regions);
        writer.WriteString(cluster.Version);
    }

    public static ClusterInfo ReadCluster(ref CodecReader reader) => new(
        reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt32(), reader.ReadInt32(),
        WireFields.ReadStrings(ref reader), reader.ReadString());

    public static void WriteNodes(CodecWriter writer, Listing<NodeInfo> nodes) =>
        WireFields.WriteList(writer, nodes.Items, static (writer, node) =>
        {
            writer.WriteString(node.Name);
            writer.WriteInt32(node.Id);
            writer.WriteString(node.Region);
            writer.WriteString(node.Zone);
            writer.WriteBool(node.Live);
            WireFields.WriteOptional(writer, node.LastHeardMs);
            WireFields.WriteOptional(writer, node.RttMs);
            writer.WriteInt32(node.Replicas);
            writer.WriteInt32(node.Leaseholders);
            WireFields.WriteOptional(writer, node.HttpAddress);
        });

    public static Listing<NodeInfo> ReadNodes(ref CodecReader reader) =>
        new(WireFields.ReadList(ref reader, static (ref reader) => new NodeInfo(
            reader.ReadString(), reader.ReadInt32(), reader.ReadString(), reader.ReadString(), reader.ReadBool(),
            WireFields.ReadOptionalDouble(ref reader), WireFields.ReadOptionalDouble(ref reader), reader.ReadInt32(), reader.ReadInt32(),
            WireFields.ReadOptional(ref reader))));

    public static void WriteLatencies(CodecWriter writer, Listing<LatencyInfo> latencies) =>
        WireFields.WriteList(writer, latencies.Items, static (writer, latency) =>
        {
            writer.WriteString(latency.From);
            writer.WriteString(latency.FromRegion);
            writer.WriteString(latency.To);
            writer.WriteString(latency.ToRegion);
            WireFields.WriteDouble(writer, latency.RttMs);
        });

    public static Listing<LatencyInfo> ReadLatencies(ref CodecReader reader) =>
        new(WireFields.ReadList(ref reader, static (ref reader) => new LatencyInfo(
            reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), WireFields.ReadDouble(ref reader))));

    public static void WriteReadiness(CodecWriter writer, Readiness readiness)
    {
        writer.WriteBool(readiness.Ready);
        WireFields.WriteStrings(writer, readiness.Reasons);
    }

    public static Readiness ReadReadiness(ref CodecReader reader) => new(reader.ReadBool(), WireFields.ReadStrings(ref reader));

    public static void WriteRanges(CodecWriter writer, Listing<RangeInfo> ranges) =>
        WireFields.WriteList(writer, ranges.Items, WriteRange);

    public static Listing<RangeInfo> ReadRanges(ref CodecReader reader) => new(WireFields.ReadList(ref reader, ReadRange));

    public static void WriteRange(CodecWriter writer, RangeInfo range)
    {
        writer.WriteInt64(range.Id);
        writer.WriteString(range.Table);
        writer.WriteString(range.Start);
        writer.WriteString(range.End);
        writer.WriteInt64(range.Generation);
        WireFields.WriteOptional(writer, range.Leaseholder);
        WireFields.WriteOptional(writer, range.Term);
        WireFields.WriteList(writer, range.Replicas, static (writer, replica) =>
        {
            writer.WriteString(replica.Node);
            writer.WriteString(replica.Region);
            writer.WriteString(replica.Zone);
            writer.WriteString(replica.Role);
            writer.WriteBool(replica.Live);
        });
        writer.WriteString(range.Goal);
        writer.WriteBool(range.GoalMet);
        WireFields.WriteOptional(writer, range.Shortfall);
        WireFields.WriteOptional(writer, range.SizeBytes);
        WireFields.WriteOptional(writer, range.ClosedTimestamp);
        WireFields.WriteOptional(writer, range.ClosedLagMs);
    }

    public static RangeInfo ReadRange(ref CodecReader reader) => new(
        reader.ReadInt64(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt64(),
        WireFields.ReadOptional(ref reader), WireFields.ReadOptionalInt64(ref reader), ReadReplicas(ref reader), reader.ReadString(),
        reader.ReadBool(), WireFields.ReadOptional(ref reader), WireFields.ReadOptionalInt64(ref reader),
        WireFields.ReadOptionalTimestamp(ref reader), WireFields.ReadOptionalDouble(ref reader));

    private static ImmutableArray<ReplicaInfo> ReadReplicas(ref CodecReader reader) =>
        WireFields.ReadList(ref reader, static (ref reader) => new ReplicaInfo(
            reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadBool()));
}
