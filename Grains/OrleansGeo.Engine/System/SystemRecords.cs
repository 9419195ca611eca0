using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What the cluster is: its id, and the secret that signs tokens on every node.</summary>
public sealed record ClusterRecord(string ClusterId, ImmutableArray<byte> TokenSecret);

/// <summary>
/// Values of the system range as bytes, each behind a version byte. A record's MVCC version is not part of it: it comes with the value.
/// Reading throws <see cref="CodecException"/> for anything that was not written here.
/// </summary>
public static class SystemRecords
{
    private const byte Version = 1;

    /// <summary>A node.</summary>
    public static byte[] Encode(NodeRecord node)
    {
        var writer = Begin();
        writer.WriteInt32(node.Id.Value);
        writer.WriteString(node.Name);
        writer.WriteString(node.Region);
        writer.WriteString(node.Zone);
        writer.WriteOptional(node.HttpAddress);
        return writer.ToArray();
    }

    /// <summary>A node from bytes.</summary>
    public static NodeRecord DecodeNode(ReadOnlySpan<byte> bytes)
    {
        var reader = Begin(bytes, "a node record");
        var node = new NodeRecord(
            new(reader.ReadInt32()), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadOptionalString());
        reader.ExpectEnd("a node record");
        return node;
    }

    /// <summary>The cluster.</summary>
    public static byte[] Encode(ClusterRecord cluster)
    {
        var writer = Begin();
        writer.WriteString(cluster.ClusterId);
        writer.WriteBytes(cluster.TokenSecret.AsSpan());
        return writer.ToArray();
    }

    /// <summary>The cluster from bytes.</summary>
    public static ClusterRecord DecodeCluster(ReadOnlySpan<byte> bytes)
    {
        var reader = Begin(bytes, "the cluster record");
        var cluster = new ClusterRecord(reader.ReadString(), [.. reader.ReadBytes()]);
        reader.ExpectEnd("the cluster record");
        return cluster;
    }

    /// <summary>The next id to give out.</summary>
    public static byte[] EncodeNextId(long next)
    {
        var writer = Begin();
        writer.WriteInt64(next);
        return writer.ToArray();
    }

    /// <summary>The next id to give out, from bytes.</summary>
    public static long DecodeNextId(ReadOnlySpan<byte> bytes)
    {
        var reader = Begin(bytes, "the id counter");
        var next = reader.ReadInt64();
        reader.ExpectEnd("the id counter");
        return next;
    }

    /// <summary>Who joined under a name.</summary>
    public static byte[] EncodeJoin(NodeId node, ReadOnlySpan<byte> token)
    {
        var writer = Begin();
        writer.WriteInt32(node.Value);
        writer.WriteBytes(token);
        return writer.ToArray();
    }

    /// <summary>Who joined under a name, from bytes.</summary>
    public static (NodeId Node, ImmutableArray<byte> Token) DecodeJoin(ReadOnlySpan<byte> bytes)
    {
        var reader = Begin(bytes, "a join record");
        var join = (new NodeId(reader.ReadInt32()), ImmutableArray.Create(reader.ReadBytes()));
        reader.ExpectEnd("a join record");
        return join;
    }

    /// <summary>A database.</summary>
    public static byte[] Encode(long id, DatabaseSpec spec)
    {
        var writer = Begin();
        writer.WriteInt64(id);
        writer.WriteString(spec.Name);
        writer.WriteString(spec.PrimaryRegion);
        writer.WriteStrings(spec.Regions);
        writer.WriteByte((byte)spec.Survive);
        writer.WriteByte((byte)spec.Placement);
        writer.WriteOptional(spec.SecondaryRegion);
        writer.WriteOptional(spec.WitnessRegion);
        return writer.ToArray();
    }

    /// <summary>A database from bytes; the version is that of the value.</summary>
    public static DatabaseRecord DecodeDatabase(ReadOnlySpan<byte> bytes, HlcTimestamp version)
    {
        var reader = Begin(bytes, "a database record");
        var id = reader.ReadInt64();
        var (name, primary) = (reader.ReadString(), reader.ReadString());
        var regions = reader.ReadStrings();
        var spec = new DatabaseSpec(
            name, primary, regions, ReadGoal(ref reader), ReadPolicy(ref reader), reader.ReadOptionalString(), reader.ReadOptionalString());
        reader.ExpectEnd("a database record");
        return new(id, spec, version);
    }

    /// <summary>A table.</summary>
    public static byte[] Encode(TableInfo table)
    {
        var writer = Begin();
        writer.WriteInt64(table.Id);
        writer.WriteString(table.Database);
        writer.WriteString(table.Spec.Name);
        writer.WriteUInt64((ulong)table.Spec.Columns.Length);
        for (var i = 0; i < table.Spec.Columns.Length; i++)
        {
            writer.WriteInt32(table.ColumnIds[i]);
            WriteColumn(writer, table.Spec.Columns[i]);
        }

        writer.WriteStrings(table.Spec.PrimaryKey);
        WriteLocality(writer, table.Spec.Locality);
        writer.WriteByte(table.Spec.Survive is { } own ? (byte)own : (byte)0);
        writer.WriteInt32(table.SchemaVersion);
        writer.WriteString(table.HomeRegion);
        writer.WriteByte((byte)table.EffectiveGoal);
        return writer.ToArray();
    }

    /// <summary>A table from bytes; the version is that of the value.</summary>
    public static TableRecord DecodeTable(ReadOnlySpan<byte> bytes, HlcTimestamp version)
    {
        var reader = Begin(bytes, "a table record");
        var id = reader.ReadInt64();
        var (database, name) = (reader.ReadString(), reader.ReadString());
        var columns = new ColumnSpec[reader.ReadCount()];
        var columnIds = new int[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            columnIds[i] = reader.ReadInt32();
            columns[i] = ReadColumn(ref reader);
        }

        var primaryKey = reader.ReadStrings();
        var locality = ReadLocality(ref reader);
        var survive = reader.ReadByte();
        SurvivalGoal? ownGoal = survive == 0 ? null : Goal(survive);
        var spec = new TableSpec(name, [.. columns], primaryKey, locality, ownGoal);
        var info = new TableInfo(id, database, spec, [.. columnIds], reader.ReadInt32(), reader.ReadString(), ReadGoal(ref reader));
        reader.ExpectEnd("a table record");
        return new(info, version);
    }

    private static void WriteColumn(CodecWriter writer, ColumnSpec column)
    {
        writer.WriteString(column.Name);
        writer.WriteByte((byte)column.Type);
        writer.WriteBool(column.Nullable);
        writer.WriteBool(column.Default is { IsNull: false });
        if (column.Default is { IsNull: false } value)
        {
            RowCodec.WriteValue(writer, value);
        }

        writer.WriteOptional(column.DefaultFunction);
    }

    private static ColumnSpec ReadColumn(ref CodecReader reader)
    {
        var name = reader.ReadString();
        var type = (DatumType)reader.ReadByte();
        var nullable = reader.ReadBool();
        Datum? fallback = reader.ReadBool() ? RowCodec.ReadValue(ref reader) : null;
        return type is >= DatumType.String and <= DatumType.Json
            ? new(name, type, nullable, fallback, reader.ReadOptionalString())
            : throw new CodecException($"a column has type {(byte)type}, which this build does not know");
    }

    private static void WriteLocality(CodecWriter writer, TableLocality locality)
    {
        var regional = (TableLocality.Regional)locality;
        writer.WriteByte(1);
        writer.WriteOptional(regional.Region);
    }

    private static TableLocality.Regional ReadLocality(ref CodecReader reader)
    {
        var kind = reader.ReadByte();
        return kind == 1 ? new(reader.ReadOptionalString())
            : throw new CodecException($"a table has locality {kind}, which this build does not know");
    }

    private static SurvivalGoal ReadGoal(ref CodecReader reader) => Goal(reader.ReadByte());

    private static SurvivalGoal Goal(byte goal) =>
        goal is 1 or 2 ? (SurvivalGoal)goal : throw new CodecException($"survival goal {goal} is not known to this build");

    private static PlacementPolicy ReadPolicy(ref CodecReader reader)
    {
        var policy = reader.ReadByte();
        return policy is 1 or 2 ? (PlacementPolicy)policy
            : throw new CodecException($"placement policy {policy} is not known to this build");
    }

    private static CodecWriter Begin()
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        return writer;
    }

    private static CodecReader Begin(ReadOnlySpan<byte> bytes, string what)
    {
        var reader = new CodecReader(bytes);
        reader.ReadVersion(what, Version);
        return reader;
    }
}
