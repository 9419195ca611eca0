using System.Buffers.Binary;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.RocksDb;

namespace OrleansGeo.Engine;

/// <summary>
/// Storage keys of what belongs to this node alone. 0x01: the node. 0x02, range id (8 bytes), kind: one replica's consensus state. Behind
/// them, at 0x03 and 0x04, lie the request records and versions of the replicated keyspace (see <c>OrleansGeo.Transactions</c>).
/// </summary>
internal static class LocalKeys
{
    public const int LogKeyLength = 18;
    public const byte HardStateKind = 1;
    public const byte StateKind = 2;
    public const byte AppliedKind = 3;
    public const byte LogKind = 4;
    public const byte RemovedKind = 5;
    public const byte SweptKind = 6;

    /// <summary>Keys of log entries, told from a replica's other records by their length.</summary>
    public static LogKeySpace LogEntries { get; } = new(ReplicasStart, ReplicasEnd, LogKeyLength);

    public static ReadOnlySpan<byte> Identity => [0x01, (byte)'i'];

    public static ReadOnlySpan<byte> JoinToken => [0x01, (byte)'j'];

    public static ReadOnlySpan<byte> Incarnation => [0x01, (byte)'n'];

    public static ReadOnlySpan<byte> ClockLimit => [0x01, (byte)'h'];

    public static ReadOnlySpan<byte> SupportStart => [0x01, (byte)'s'];

    public static ReadOnlySpan<byte> SupportEnd => [0x01, (byte)'s' + 1];

    public static ReadOnlySpan<byte> ReplicasStart => [0x02];

    public static ReadOnlySpan<byte> ReplicasEnd => [0x03];

    public static byte[] Support(NodeId node)
    {
        var key = new byte[6];
        key[0] = 0x01;
        key[1] = (byte)'s';
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(2), node.Value);
        return key;
    }

    public static byte[] Replica(RangeId range, byte kind)
    {
        var key = new byte[10];
        key[0] = 0x02;
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(1), range.Value);
        key[9] = kind;
        return key;
    }

    /// <summary>Fills a buffer of <see cref="LogKeyLength"/> with the key of a log entry.</summary>
    public static void Log(Span<byte> key, RangeId range, LogIndex index)
    {
        key[0] = 0x02;
        BinaryPrimitives.WriteInt64BigEndian(key[1..], range.Value);
        key[9] = LogKind;
        BinaryPrimitives.WriteInt64BigEndian(key[10..], index.Value);
    }

    public static RangeId RangeOf(ReadOnlySpan<byte> key) => new(BinaryPrimitives.ReadInt64BigEndian(key[1..]));

    public static byte KindOf(ReadOnlySpan<byte> key) => key[9];

    public static LogIndex IndexOf(ReadOnlySpan<byte> key) => new(BinaryPrimitives.ReadInt64BigEndian(key[10..]));
}
