using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>Where an attempt at a transaction stands, as far as a record says. No record says nothing.</summary>
public enum TransactionStatus : byte
{
    /// <summary>There is no record, and nothing is decided.</summary>
    Absent = 0,

    /// <summary>
    /// Committed at the record's timestamp if, and from the moment when, every write it lists has its intent at or below that timestamp.
    /// Until somebody knows, undecided.
    /// </summary>
    Staging = 1,

    /// <summary>Committed at the record's timestamp. For good.</summary>
    Committed = 2,

    /// <summary>Aborted. For good: a staging that comes later finds this.</summary>
    Aborted = 3,
}

/// <summary>The request that an attempt is for, when its client named it: remembered beside the record, so that it is made once.</summary>
/// <param name="Id">The request's id; empty when the client named none.</param>
/// <param name="BodyHash">A hash of what it asks.</param>
/// <param name="RetainMs">How long it is remembered.</param>
public sealed record RequestName(ImmutableArray<byte> Id, ImmutableArray<byte> BodyHash, long RetainMs)
{
    /// <summary>No name.</summary>
    public static RequestName None { get; } = new([], [], 0);

    /// <summary>True when the client named the request.</summary>
    public bool IsSome => !Id.IsEmpty;

    /// <summary>Appends the stored form.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteBytes(Id.AsSpan());
        writer.WriteBytes(BodyHash.AsSpan());
        writer.WriteInt64(RetainMs);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static RequestName Read(ref CodecReader reader)
    {
        var (id, hash, retain) = (reader.ReadBytes().ToArray(), reader.ReadBytes().ToArray(), reader.ReadInt64());
        return new([.. id], [.. hash], retain);
    }
}

/// <summary>What is recorded of an attempt, beside its anchor.</summary>
/// <param name="Tag">The attempt.</param>
/// <param name="Status">Where it stands; never <see cref="TransactionStatus.Absent"/>.</param>
/// <param name="Timestamp">When it is staged for, or committed at; for an aborted one, until when the record must be kept.</param>
/// <param name="Keys">All keys it writes: whose intents must be there for it to be committed, and must be resolved before the record may
/// go.</param>
/// <param name="Request">The request it is for.</param>
public sealed record TransactionRecord(
    TransactionTag Tag, TransactionStatus Status, HlcTimestamp Timestamp, ImmutableArray<Key> Keys, RequestName Request)
{
    private const byte Version = 1;

    /// <summary>Appends the stored form.</summary>
    public void Write(CodecWriter writer)
    {
        Invariant.Holds(Status != TransactionStatus.Absent);
        writer.WriteByte(Version);
        Tag.Write(writer);
        writer.WriteByte((byte)Status);
        writer.WriteTimestamp(Timestamp);
        writer.WriteKeys(Keys);
        Request.Write(writer);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not a record's.</exception>
    public static TransactionRecord Read(ref CodecReader reader)
    {
        reader.ReadVersion("a transaction record", Version);
        var tag = TransactionTag.Read(ref reader);
        var status = (TransactionStatus)reader.ReadByte();
        if (status is < TransactionStatus.Staging or > TransactionStatus.Aborted)
        {
            throw new CodecException($"a transaction record says {(byte)status}");
        }

        return new(tag, status, reader.ReadTimestamp(), reader.ReadKeys(), RequestName.Read(ref reader));
    }

    /// <summary>Reads the stored form.</summary>
    /// <exception cref="CodecException">The version is unknown or the bytes are not a record's.</exception>
    public static TransactionRecord Decode(ReadOnlySpan<byte> stored)
    {
        var reader = new CodecReader(stored);
        var record = Read(ref reader);
        reader.ExpectEnd("a transaction record");
        return record;
    }
}

/// <summary>The storage key of a transaction record: 0x06, the escaped anchor, the attempt's id.</summary>
public static class TransactionRecordKey
{
    /// <summary>The byte that begins every record's storage key.</summary>
    public const byte Prefix = 0x06;

    /// <summary>The storage key of an attempt's record; the buffer is cleared first.</summary>
    public static void Encode(CodecWriter into, Key anchor, TransactionId id)
    {
        EscapedKey.Begin(into, Prefix, anchor);
        id.Write(into);
    }

    /// <summary>Bounds of all records anchored in a span.</summary>
    public static StorageBounds SpanBounds(KeySpan span) => EscapedKey.SpanBounds(Prefix, span);
}
