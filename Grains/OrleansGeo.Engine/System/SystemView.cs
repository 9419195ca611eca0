using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>A node as the system range knows it.</summary>
public sealed record NodeRecord(NodeId Id, string Name, string Region, string Zone, string? HttpAddress)
{
    /// <summary>What a name or label is, for the user.</summary>
    public const string LabelRule = "1 to 63 letters, digits, '-', '_' and '.'";

    private const int LabelCharsMax = 63;

    /// <summary>True for a text that can be a node's name, region or zone.</summary>
    public static bool IsLabel([NotNullWhen(true)] string? text) =>
        text is { Length: > 0 and <= LabelCharsMax } && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}

/// <summary>A database with the version of its record, for conditional changes.</summary>
public sealed record DatabaseRecord(long Id, DatabaseSpec Spec, HlcTimestamp Version);

/// <summary>A table with the version of its record, for conditional changes.</summary>
public sealed record TableRecord(TableInfo Info, HlcTimestamp Version);

/// <summary>
/// The system range as this node's own replica has applied it, decoded: who the nodes are, what databases and tables there are, and where
/// ranges are. Immutable; a new one is published whenever a change is applied. Reading it contacts nobody, so it works in a region that is
/// cut off; what is out of date heals through <see cref="RangeOutcome.Moved"/> and strong reads of the system range.
/// </summary>
public sealed record SystemView(
    LogIndex Applied,
    string ClusterId,
    ImmutableSortedDictionary<NodeId, NodeRecord> Nodes,
    ImmutableSortedDictionary<string, DatabaseRecord> Databases,
    ImmutableSortedDictionary<(string Database, string Table), TableRecord> Tables,
    ImmutableSortedDictionary<Key, RangeDescriptor> RangesByStart)
{
    /// <summary>A view before anything was applied.</summary>
    public static SystemView Empty { get; } = new(
        default,
        string.Empty,
        ImmutableSortedDictionary<NodeId, NodeRecord>.Empty,
        ImmutableSortedDictionary<string, DatabaseRecord>.Empty.WithComparers(StringComparer.Ordinal),
        ImmutableSortedDictionary<(string, string), TableRecord>.Empty.WithComparers(TableNameComparer.Instance),
        ImmutableSortedDictionary<Key, RangeDescriptor>.Empty);

    private sealed class TableNameComparer : IComparer<(string Database, string Table)>
    {
        public static TableNameComparer Instance { get; } = new();

        public int Compare((string Database, string Table) x, (string Database, string Table) y)
        {
            var order = string.CompareOrdinal(x.Database, y.Database);
            return order != 0 ? order : string.CompareOrdinal(x.Table, y.Table);
        }
    }
}

/// <summary>
/// Keys of the system range, which is range 1 and spans [0x10, 0x11). Values are written by <c>SystemRecords</c>. Layout, all behind 0x10:
/// 'c' cluster id · 'n' node id (8 bytes big endian) · 'd' database name · 't' database name 0x00 table name · 'r' range id (8 bytes) ·
/// 'i' the next id to give out.
/// </summary>
public static class SystemKeys
{
    /// <summary>The range that holds all system data.</summary>
    public static RangeId RangeId { get; } = new(1);

    /// <summary>Its span.</summary>
    public static KeySpan Span { get; } = new(new([0x10]), new([0x11]));

    /// <summary>The cluster's id.</summary>
    public static Key Cluster { get; } = new([0x10, (byte)'c']);

    /// <summary>The counter behind ids of databases, tables and ranges.</summary>
    public static Key NextId { get; } = new([0x10, (byte)'i']);

    /// <summary>A node's record.</summary>
    public static Key Node(NodeId node) => WithNumber('n', node.Value);

    /// <summary>Every node's record.</summary>
    public static KeySpan Nodes { get; } = new(new([0x10, (byte)'n']), new([0x10, (byte)'n' + 1]));

    /// <summary>Who joined under a name: its id, and the token that proves it is the same.</summary>
    public static Key NodeName(string name) => WithText('m', name);

    /// <summary>The highest node id ever given by a join; ids are not given twice.</summary>
    public static Key LastNode { get; } = new([0x10, (byte)'l']);

    /// <summary>A range's directory entry.</summary>
    public static Key Range(RangeId range) => WithNumber('r', range.Value);

    /// <summary>A database's record.</summary>
    public static Key Database(string name) => WithText('d', name);

    /// <summary>A table's record.</summary>
    public static Key Table(string database, string table) => WithText('t', database + "\0" + table);

    /// <summary>Every table record of a database.</summary>
    public static KeySpan TablesOf(string database)
    {
        var prefix = WithText('t', database + "\0");
        return new(prefix, prefix.PrefixEnd);
    }

    /// <summary>Every entry of the range directory.</summary>
    public static KeySpan Ranges { get; } = new(new([0x10, (byte)'r']), new([0x10, (byte)'r' + 1]));

    /// <summary>The number in the key of a node or range.</summary>
    public static long NumberOf(Key key) => global::System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(key.Span[2..]);

    private static Key WithNumber(char kind, long number)
    {
        var bytes = new byte[10];
        bytes[0] = 0x10;
        bytes[1] = (byte)kind;
        global::System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(2), number);
        return new(bytes);
    }

    private static Key WithText(char kind, string text)
    {
        var utf8 = global::System.Text.Encoding.UTF8.GetBytes(text);
        var bytes = new byte[utf8.Length + 2];
        bytes[0] = 0x10;
        bytes[1] = (byte)kind;
        utf8.CopyTo(bytes, 2);
        return new(bytes);
    }
}
