using System.Buffers.Binary;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// Names one attempt at a transaction. Drawn by chance by its coordinator; no two attempts share one, also when they are for one request.
/// So an intent and a record that carry the same id are of one attempt, and what is decided of an id is decided for good.
/// </summary>
public readonly record struct TransactionId(ulong High, ulong Low) : IComparable<TransactionId>
{
    /// <summary>Bytes of the stored form.</summary>
    public const int Length = 16;

    /// <summary>Draws an id.</summary>
    public static TransactionId Draw(Prng prng) => new(prng.NextUInt64(), prng.NextUInt64());

    /// <summary>Reads the stored form from the beginning of bytes.</summary>
    public static TransactionId Read(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(source), BinaryPrimitives.ReadUInt64BigEndian(source[8..]));

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static TransactionId Read(ref CodecReader reader) => new(reader.ReadFixed64(), reader.ReadFixed64());

    /// <summary>Appends the stored form.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteFixed64(High);
        writer.WriteFixed64(Low);
    }

    /// <inheritdoc />
    public int CompareTo(TransactionId other) => (High, Low).CompareTo((other.High, other.Low));

    /// <inheritdoc />
    public override string ToString() => $"{High:x16}{Low:x16}";
}

/// <summary>What every part of an attempt carries, so that whoever meets it can finish the whole.</summary>
/// <param name="Id">The attempt.</param>
/// <param name="Anchor">The first key it writes: its record lies beside it, and goes where it goes when the range splits.</param>
/// <param name="Priority">When the request first tried; kept over retries, so that whoever waits long comes first.</param>
/// <param name="Coordinator">The node that carries it out.</param>
public sealed record TransactionTag(TransactionId Id, Key Anchor, HlcTimestamp Priority, NodeId Coordinator)
{
    /// <summary>
    /// True when this one goes before another where both cannot: it began earlier, or at the same time and has the lower id. A total order
    /// that both see alike, so of two that wait for each other exactly one gives way.
    /// </summary>
    public bool GoesBefore(TransactionTag other) => (Priority, Id).CompareTo((other.Priority, other.Id)) < 0;

    /// <summary>Appends the stored form.</summary>
    public void Write(CodecWriter writer)
    {
        Id.Write(writer);
        writer.WriteKey(Anchor);
        writer.WriteTimestamp(Priority);
        writer.WriteInt32(Coordinator.Value);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static TransactionTag Read(ref CodecReader reader) =>
        new(TransactionId.Read(ref reader), reader.ReadKey(), reader.ReadTimestamp(), new(reader.ReadInt32()));
}
