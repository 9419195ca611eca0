using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>Names one change, so that a retry of it is known again: the proposer's identity and its own count.</summary>
public readonly record struct ChangeId(long Proposer, long Number);

/// <summary>
/// What the register holds: bytes that mean nothing here, how many changes made them, and who made the latest ones. The value at version v
/// lists the change that made v first, then the one that made v-1, and so on.
/// </summary>
public sealed record RegisterValue(long Version, ReadOnlyMemory<byte> Bytes, ImmutableArray<ChangeId> Latest)
{
    /// <summary>Changes that a value remembers. Of a change that was overtaken by more it does not tell whether it was made.</summary>
    public const int LatestMax = 32;

    private const byte FormatNewest = 1;

    /// <summary>The register before its first change.</summary>
    public static RegisterValue Empty { get; } = new(0, ReadOnlyMemory<byte>.Empty, []);

    /// <summary>The value after one more change.</summary>
    public RegisterValue Changed(ReadOnlyMemory<byte> bytes, ChangeId change) =>
        new(Version + 1, bytes, [change, .. Latest.Take(LatestMax - 1)]);

    /// <summary>The change that made a version, or null when this value is older than that or remembers it no more.</summary>
    public ChangeId? MakerOf(long version)
    {
        var back = Version - version;
        return back >= 0 && back < Latest.Length ? Latest[(int)back] : null;
    }

    /// <summary>The value as bytes for an acceptor to keep.</summary>
    public byte[] Encode()
    {
        var writer = new CodecWriter(Bytes.Length + 64);
        writer.WriteByte(FormatNewest);
        writer.WriteInt64(Version);
        writer.WriteBytes(Bytes.Span);
        writer.WriteUInt64((ulong)Latest.Length);
        foreach (var change in Latest)
        {
            writer.WriteFixed64((ulong)change.Proposer);
            writer.WriteInt64(change.Number);
        }

        return writer.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote. Throws <see cref="CodecException"/> for anything else.</summary>
    public static RegisterValue Decode(ReadOnlySpan<byte> encoded)
    {
        var reader = new CodecReader(encoded);
        reader.ReadVersion("a membership register's value", FormatNewest);
        var version = reader.ReadInt64();
        var bytes = reader.ReadBytes().ToArray();
        var count = reader.ReadCount();
        if (count > LatestMax)
        {
            throw new CodecException($"a membership register's value names {count} changes; {LatestMax} is the most");
        }

        var latest = ImmutableArray.CreateBuilder<ChangeId>(count);
        for (var i = 0; i < count; i++)
        {
            latest.Add(new((long)reader.ReadFixed64(), reader.ReadInt64()));
        }

        reader.ExpectEnd("a membership register's value");
        return new(version, bytes, latest.MoveToImmutable());
    }

    /// <inheritdoc />
    public bool Equals(RegisterValue? other) =>
        other is not null && Version == other.Version && Bytes.Span.SequenceEqual(other.Bytes.Span)
        && Latest.AsSpan().SequenceEqual(other.Latest.AsSpan());

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Version, Bytes.Length);
}
