using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What a request record says became of a request: made at a version, with one flag a key, or refused. Values are not kept: they are read
/// again at the version.
/// </summary>
internal static class RecordedOutcome
{
    public static byte[] Made(HlcTimestamp version, ReadOnlySpan<bool> created)
    {
        var writer = new CodecWriter(16);
        writer.WriteByte(1);
        writer.WriteBool(true);
        writer.WriteTimestamp(version);
        writer.WriteUInt64((ulong)created.Length);
        foreach (var flag in created)
        {
            writer.WriteBool(flag);
        }

        return writer.ToArray();
    }

    public static byte[] Refused(RangeOutcome.Refused refusal)
    {
        var writer = new CodecWriter(16);
        writer.WriteByte(1);
        writer.WriteBool(false);
        writer.WriteInt32(refusal.Position);
        writer.WriteByte((byte)refusal.Reason);
        writer.WriteTimestamp(refusal.Current);
        return writer.ToArray();
    }

    /// <summary>Either the refusal, or the version and flags of what was made.</summary>
    public static (RangeOutcome.Refused? Refusal, HlcTimestamp Version, bool[] Created) Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new CodecReader(bytes);
        reader.ReadVersion("a recorded outcome", 1);
        if (!reader.ReadBool())
        {
            return (new(reader.ReadInt32(), (RefusalReason)reader.ReadByte(), reader.ReadTimestamp()), default, []);
        }

        var version = reader.ReadTimestamp();
        var created = new bool[reader.ReadCount()];
        for (var i = 0; i < created.Length; i++)
        {
            created[i] = reader.ReadBool();
        }

        return (null, version, created);
    }
}
