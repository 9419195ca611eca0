using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a log entry of a range does. The first byte is the format version, the second the kind.</summary>
internal enum CommandKind : byte
{
    /// <summary>Versions of keys at one timestamp, with the record of the request that asked for them.</summary>
    Write = 1,

    /// <summary>The range becomes two.</summary>
    Split = 2,

    /// <summary>Request records that are no longer kept.</summary>
    Collect = 3,

    /// <summary>What the range is meant to survive, and where its leaseholder should be.</summary>
    Declare = 4,

    /// <summary>Intents laid and resolved, transaction records, requests remembered.</summary>
    Transact = 5,

    /// <summary>Reads below a timestamp are refused from now on, and the versions that only they could see may go.</summary>
    Advance = 6,
}

/// <summary>
/// Encodes and decodes commands. A command is the result of an evaluation, never the request: applying it reads nothing but the request
/// record, so every replica does the same.
/// </summary>
internal static class RangeCommand
{
    private const byte Version = 1;

    public static CommandKind KindOf(ReadOnlySpan<byte> payload)
    {
        var reader = new CodecReader(payload);
        reader.ReadVersion("a range command", Version);
        return (CommandKind)reader.ReadByte();
    }

    /// <summary>Begins a write; the operations follow through <see cref="AddOperation"/>.</summary>
    public static void BeginWrite(CodecWriter into, HlcTimestamp timestamp, RequestStamp request, int operations)
    {
        into.Clear();
        into.WriteByte(Version);
        into.WriteByte((byte)CommandKind.Write);
        into.WriteTimestamp(timestamp);
        request.Write(into);
        into.WriteUInt64((ulong)operations);
    }

    /// <summary>Adds a value, or a tombstone when null.</summary>
    public static void AddOperation(CodecWriter into, Key key, byte[]? value)
    {
        into.WriteKey(key);
        into.WriteBool(value is not null);
        if (value is not null)
        {
            into.WriteBytes(value);
        }
    }

    public static WriteCommand ReadWrite(ReadOnlySpan<byte> payload)
    {
        var reader = Begin(payload);
        var timestamp = reader.ReadTimestamp();
        var request = RequestStamp.Read(ref reader);
        var operations = new (Key, byte[]?)[reader.ReadCount()];
        for (var i = 0; i < operations.Length; i++)
        {
            var key = reader.ReadKey();
            operations[i] = (key, reader.ReadBool() ? reader.ReadBytes().ToArray() : null);
        }

        reader.ExpectEnd("a write command");
        return new(timestamp, request, operations);
    }

    public static byte[] Declare(SurvivalGoal goal, ImmutableArray<string> leasePreferences)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteByte((byte)CommandKind.Declare);
        writer.WriteByte((byte)goal);
        writer.WriteStrings(leasePreferences);
        return writer.ToArray();
    }

    public static (SurvivalGoal Goal, ImmutableArray<string> LeasePreferences) ReadDeclare(ReadOnlySpan<byte> payload)
    {
        var reader = Begin(payload);
        var goal = (SurvivalGoal)reader.ReadByte();
        var regions = reader.ReadStrings();
        reader.ExpectEnd("a declare command");
        return (goal, regions);
    }

    public static byte[] Split(RangeDescriptor left, RangeDescriptor right)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteByte((byte)CommandKind.Split);
        left.Write(writer);
        right.Write(writer);
        return writer.ToArray();
    }

    public static (RangeDescriptor Left, RangeDescriptor Right) ReadSplit(ReadOnlySpan<byte> payload)
    {
        var reader = Begin(payload);
        var split = (RangeDescriptor.Read(ref reader), RangeDescriptor.Read(ref reader));
        reader.ExpectEnd("a split command");
        return split;
    }

    public static byte[] Collect(IReadOnlyList<byte[]> storageKeys)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteByte((byte)CommandKind.Collect);
        writer.WriteUInt64((ulong)storageKeys.Count);
        foreach (var key in storageKeys)
        {
            writer.WriteBytes(key);
        }

        return writer.ToArray();
    }

    public static List<byte[]> ReadCollect(ReadOnlySpan<byte> payload)
    {
        var reader = Begin(payload);
        var keys = new List<byte[]>();
        for (var left = reader.ReadCount(); left > 0; left--)
        {
            keys.Add(reader.ReadBytes().ToArray());
        }

        reader.ExpectEnd("a collect command");
        return keys;
    }

    public static byte[] Advance(HlcTimestamp threshold)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteByte((byte)CommandKind.Advance);
        writer.WriteTimestamp(threshold);
        return writer.ToArray();
    }

    public static HlcTimestamp ReadAdvance(ReadOnlySpan<byte> payload)
    {
        var reader = Begin(payload);
        var threshold = reader.ReadTimestamp();
        reader.ExpectEnd("an advance command");
        return threshold;
    }

    private static CodecReader Begin(ReadOnlySpan<byte> payload)
    {
        var reader = new CodecReader(payload);
        reader.ReadVersion("a range command", Version);
        reader.ReadByte();
        return reader;
    }
}

/// <summary>The record of a request that goes with its writes.</summary>
internal readonly record struct RequestStamp(
    Key Anchor, ImmutableArray<byte> Id, ImmutableArray<byte> BodyHash, HlcTimestamp KeepUntil, byte[] Outcome)
{
    public void Write(CodecWriter into)
    {
        into.WriteKey(Anchor);
        into.WriteBytes(Id.AsSpan());
        into.WriteBytes(BodyHash.AsSpan());
        into.WriteTimestamp(KeepUntil);
        into.WriteBytes(Outcome);
    }

    public static RequestStamp Read(ref CodecReader reader) => new(
        reader.ReadKey(), [.. reader.ReadBytes()], [.. reader.ReadBytes()], reader.ReadTimestamp(), reader.ReadBytes().ToArray());
}

/// <summary>A decoded write.</summary>
internal readonly record struct WriteCommand(HlcTimestamp Timestamp, RequestStamp Request, (Key Key, byte[]? Value)[] Operations);
