using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// What a range is: its span, who replicates it, and what it is meant to survive. The range's own log is the authority; a copy in the
/// directory is a hint whose age <see cref="Generation"/> tells.
/// </summary>
/// <param name="Id">The range.</param>
/// <param name="Span">Its keys.</param>
/// <param name="Generation">Raised by every split and reconfiguration.</param>
/// <param name="Configuration">Who replicates it.</param>
/// <param name="TableId">The table it belongs to; 0 for system data.</param>
/// <param name="Goal">What it should survive.</param>
/// <param name="LeasePreferences">Regions in which the leaseholder should be, best first.</param>
public sealed record RangeDescriptor(
    RangeId Id,
    KeySpan Span,
    long Generation,
    Configuration Configuration,
    long TableId,
    SurvivalGoal Goal,
    ImmutableArray<string> LeasePreferences)
{
    /// <summary>Writes the descriptor behind a version byte.</summary>
    public void Write(CodecWriter writer)
    {
        writer.WriteByte(1);
        writer.WriteInt64(Id.Value);
        writer.WriteKey(Span.Start);
        writer.WriteKey(Span.End);
        writer.WriteInt64(Generation);
        Configuration.Write(writer);
        writer.WriteInt64(TableId);
        writer.WriteByte((byte)Goal);
        writer.WriteStrings(LeasePreferences);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static RangeDescriptor Read(ref CodecReader reader)
    {
        reader.ReadVersion("a range descriptor", 1);
        var id = new RangeId(reader.ReadInt64());
        var span = new KeySpan(reader.ReadKey(), reader.ReadKey());
        var generation = reader.ReadInt64();
        var configuration = Configuration.Read(ref reader);
        var table = reader.ReadInt64();
        var goal = (SurvivalGoal)reader.ReadByte();
        return new(id, span, generation, configuration, table, goal, reader.ReadStrings());
    }

    /// <summary>The descriptor as bytes.</summary>
    public byte[] Encode()
    {
        var writer = new CodecWriter();
        Write(writer);
        return writer.ToArray();
    }

    /// <summary>A descriptor from bytes.</summary>
    public static RangeDescriptor Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CodecReader(bytes);
        var descriptor = Read(ref reader);
        reader.ExpectEnd("a range descriptor");
        return descriptor;
    }
}
