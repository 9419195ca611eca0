using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Membership;

/// <summary>Who suspects a silo, and since when (ticks of UTC).</summary>
public readonly record struct Suspicion(string Silo, long AtTicks);

/// <summary>
/// One silo as the cluster's membership protocol describes it. The key is the silo's address with its generation, in the text form that
/// the protocol can parse. Status is the protocol's own number. Times are ticks of UTC. The tag is the table's version when the row was
/// last written, except by a sign of life.
/// </summary>
public sealed record MemberRow(
    string Silo,
    int Status,
    ImmutableArray<Suspicion> Suspicions,
    int ProxyPort,
    string HostName,
    string SiloName,
    string RoleName,
    long StartTicks,
    long AliveTicks,
    int Tag)
{
    /// <inheritdoc />
    public bool Equals(MemberRow? other) =>
        other is not null
        && (Silo, Status, ProxyPort, HostName, SiloName) == (other.Silo, other.Status, other.ProxyPort, other.HostName, other.SiloName)
        && (RoleName, StartTicks, AliveTicks, Tag) == (other.RoleName, other.StartTicks, other.AliveTicks, other.Tag)
        && Suspicions.AsSpan().SequenceEqual(other.Suspicions.AsSpan());

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Silo, Tag);
}

/// <summary>
/// The whole membership table as one value of the register: what a change does to it, and its bytes. Every insert and update names the
/// table's version that it was decided at, and makes the next one; a sign of life does not. A change that does not hold gives null.
/// </summary>
public sealed record MembershipTable(int Version, ImmutableSortedDictionary<string, MemberRow> Rows)
{
    /// <summary>The protocol's number for a silo that takes part.</summary>
    public const int ActiveStatus = 3;

    private const byte FormatNewest = 1;

    /// <summary>No silo was ever there.</summary>
    public static MembershipTable Empty { get; } = new(0, ImmutableSortedDictionary.Create<string, MemberRow>(StringComparer.Ordinal));

    /// <summary>Adds a silo, at this version of the table, where it is not yet.</summary>
    public MembershipTable? Insert(MemberRow row, int atVersion) =>
        atVersion == Version && !Rows.ContainsKey(row.Silo)
            ? new(Version + 1, Rows.Add(row.Silo, row with { Tag = Version + 1 }))
            : null;

    /// <summary>Writes a silo anew, at this version of the table, where its row still has this tag.</summary>
    public MembershipTable? Update(MemberRow row, int tag, int atVersion) =>
        atVersion == Version && Rows.TryGetValue(row.Silo, out var found) && found.Tag == tag
            ? new(Version + 1, Rows.SetItem(row.Silo, row with { Tag = Version + 1 }))
            : null;

    /// <summary>Notes a sign of life. Version and tags stay; a sign that is older than the last one changes nothing.</summary>
    public MembershipTable? Alive(string silo, long atTicks) =>
        !Rows.TryGetValue(silo, out var found) ? null
        : found.AliveTicks >= atTicks ? this
        : this with { Rows = Rows.SetItem(silo, found with { AliveTicks = atTicks }) };

    /// <summary>
    /// Forgets the silos that are not active and that nothing was heard of since: no start, no sign of life, no suspicion. The version
    /// stays: nothing that was decided by the table without them is spoiled.
    /// </summary>
    public MembershipTable ForgetDefunct(long beforeTicks) => this with
    {
        Rows = Rows.RemoveRange(Rows.Values
            .Where(row => row.Status != ActiveStatus && LastHeardOf(row) < beforeTicks)
            .Select(row => row.Silo)),
    };

    /// <summary>Forgets every silo. The version goes on, so that nothing that was decided before holds any more.</summary>
    public MembershipTable Cleared() => Rows.IsEmpty ? this : new(Version + 1, Empty.Rows);

    /// <summary>The table as bytes, the same for the same table.</summary>
    public byte[] Encode()
    {
        var writer = new CodecWriter(256 + (Rows.Count * 160));
        writer.WriteByte(FormatNewest);
        writer.WriteInt32(Version);
        writer.WriteUInt64((ulong)Rows.Count);
        foreach (var row in Rows.Values)
        {
            Write(writer, row);
        }

        return writer.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote; no bytes are the empty table. Else throws <see cref="CodecException"/>.</summary>
    public static MembershipTable Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.IsEmpty)
        {
            return Empty;
        }

        var reader = new CodecReader(encoded);
        reader.ReadVersion("a membership table", FormatNewest);
        var version = reader.ReadInt32();
        var rows = Empty.Rows.ToBuilder();
        for (var left = reader.ReadCount(); left > 0; left--)
        {
            var row = Read(ref reader);
            if (!rows.TryAdd(row.Silo, row))
            {
                throw new CodecException($"a membership table names silo {row.Silo} twice");
            }
        }

        reader.ExpectEnd("a membership table");
        return new(version, rows.ToImmutable());
    }

    private static long LastHeardOf(MemberRow row) =>
        row.Suspicions.Select(suspicion => suspicion.AtTicks).Append(row.StartTicks).Append(row.AliveTicks).Max();

    private static void Write(CodecWriter writer, MemberRow row)
    {
        writer.WriteString(row.Silo);
        writer.WriteInt32(row.Status);
        writer.WriteUInt64((ulong)row.Suspicions.Length);
        foreach (var suspicion in row.Suspicions)
        {
            writer.WriteString(suspicion.Silo);
            writer.WriteInt64(suspicion.AtTicks);
        }

        writer.WriteInt32(row.ProxyPort);
        writer.WriteString(row.HostName);
        writer.WriteString(row.SiloName);
        writer.WriteString(row.RoleName);
        writer.WriteInt64(row.StartTicks);
        writer.WriteInt64(row.AliveTicks);
        writer.WriteInt32(row.Tag);
    }

    private static MemberRow Read(ref CodecReader reader)
    {
        var silo = reader.ReadString();
        var status = reader.ReadInt32();
        var count = reader.ReadCount();
        var suspicions = ImmutableArray.CreateBuilder<Suspicion>(count);
        for (var i = 0; i < count; i++)
        {
            suspicions.Add(new(reader.ReadString(), reader.ReadInt64()));
        }

        return new(
            silo, status, suspicions.MoveToImmutable(), reader.ReadInt32(), reader.ReadString(), reader.ReadString(), reader.ReadString(),
            reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt32());
    }

    /// <inheritdoc />
    public bool Equals(MembershipTable? other) =>
        other is not null && Version == other.Version && Rows.Values.SequenceEqual(other.Rows.Values);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Version, Rows.Count);
}
