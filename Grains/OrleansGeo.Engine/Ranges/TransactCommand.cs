using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>A record that is put, or removed when null.</summary>
internal readonly record struct RecordChange(Key Anchor, TransactionId Id, TransactionRecord? Record);

/// <summary>
/// One entry's worth of what transactions do to a range. Applied in this order: intents laid, intents resolved, records, requests. A
/// resolution that meets no intent of its transaction changes nothing. One object serves many entries, one after the other.
/// </summary>
internal sealed class TransactCommand
{
    private const byte Version = 1;

    public List<Intent> Intents { get; init; } = [];

    public List<Resolution> Resolutions { get; init; } = [];

    public List<RecordChange> Records { get; init; } = [];

    public List<RequestStamp> Requests { get; init; } = [];

    public bool IsEmpty => Intents.Count + Resolutions.Count + Records.Count + Requests.Count == 0;

    public TransactCommand Clear()
    {
        Intents.Clear();
        Resolutions.Clear();
        Records.Clear();
        Requests.Clear();
        return this;
    }

    public byte[] Encode(CodecWriter into)
    {
        into.Clear();
        into.WriteByte(Version);
        into.WriteByte((byte)CommandKind.Transact);
        into.WriteList(Intents, static (w, intent) => intent.Write(w));
        into.WriteList(Resolutions, static (w, one) => one.Write(w));
        into.WriteList(Records, static (w, change) =>
        {
            w.WriteKey(change.Anchor);
            change.Id.Write(w);
            w.WriteBool(change.Record is not null);
            change.Record?.Write(w);
        });
        into.WriteList(Requests, static (w, stamp) => stamp.Write(w));
        return into.ToArray();
    }

    /// <summary>Becomes what was encoded.</summary>
    public TransactCommand Decode(ReadOnlySpan<byte> payload)
    {
        Clear();
        var reader = new CodecReader(payload);
        reader.ReadVersion("a range command", Version);
        reader.ReadByte();
        reader.ReadList(Intents, static (ref r) => Intent.Read(ref r));
        reader.ReadList(Resolutions, static (ref r) => Resolution.Read(ref r));
        reader.ReadList(Records, static (ref r) => new(
            r.ReadKey(), TransactionId.Read(ref r), r.ReadBool() ? TransactionRecord.Read(ref r) : null));
        reader.ReadList(Requests, static (ref r) => RequestStamp.Read(ref r));
        reader.ExpectEnd("a transaction command");
        return this;
    }
}
