using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>
/// What a request record says became of a request: made at a version, with one flag a key where one write made it; refused; or being made
/// by an attempt at a transaction. Values are not kept: they are read again at the version.
/// </summary>
internal abstract record RecordedOutcome
{
    private const byte Format = 1;
    private const byte RefusedCase = 0;
    private const byte MadeCase = 1;
    private const byte ClaimedCase = 2;

    private RecordedOutcome()
    {
    }

    /// <summary>Made at a version.</summary>
    public sealed record Made(HlcTimestamp Version, bool[] Created) : RecordedOutcome
    {
        public override byte[] Encode()
        {
            var writer = Begin(MadeCase);
            writer.WriteTimestamp(Version);
            writer.WriteUInt64((ulong)Created.Length);
            foreach (var flag in Created)
            {
                writer.WriteBool(flag);
            }

            return writer.ToArray();
        }
    }

    /// <summary>Refused.</summary>
    public sealed record Refused(RangeOutcome.Refused Refusal) : RecordedOutcome
    {
        public override byte[] Encode()
        {
            var writer = Begin(RefusedCase);
            writer.WriteInt32(Refusal.Position);
            writer.WriteByte((byte)Refusal.Reason);
            writer.WriteTimestamp(Refusal.Current);
            return writer.ToArray();
        }
    }

    /// <summary>An attempt has staged, and is or will be decided.</summary>
    public sealed record Claimed(TransactionTag By) : RecordedOutcome
    {
        public override byte[] Encode()
        {
            var writer = Begin(ClaimedCase);
            By.Write(writer);
            return writer.ToArray();
        }
    }

    /// <summary>The outcome as bytes.</summary>
    public abstract byte[] Encode();

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static RecordedOutcome Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new CodecReader(bytes);
        reader.ReadVersion("a recorded outcome", Format);
        switch (reader.ReadByte())
        {
            case RefusedCase:
                return new Refused(new(reader.ReadInt32(), (RefusalReason)reader.ReadByte(), reader.ReadTimestamp()));
            case ClaimedCase:
                return new Claimed(TransactionTag.Read(ref reader));
            case MadeCase:
                var version = reader.ReadTimestamp();
                var created = new bool[reader.ReadCount()];
                for (var i = 0; i < created.Length; i++)
                {
                    created[i] = reader.ReadBool();
                }

                return new Made(version, created);
            case var other:
                throw new CodecException($"a recorded outcome of case {other}");
        }
    }

    private static CodecWriter Begin(byte which)
    {
        var writer = new CodecWriter(48);
        writer.WriteByte(Format);
        writer.WriteByte(which);
        return writer;
    }
}
