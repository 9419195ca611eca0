using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>What a replica keeps of itself besides its log, hard state and data.</summary>
/// <param name="Descriptor">The range as of the applied index; null while the replica waits for its first snapshot.</param>
/// <param name="Truncated">Last log index that was removed.</param>
/// <param name="TruncatedTerm">Its term.</param>
/// <param name="Base">The configuration in effect there.</param>
internal sealed record ReplicaState(RangeDescriptor? Descriptor, LogIndex Truncated, Term TruncatedTerm, Configuration? Base);

/// <summary>A replica as it was found in storage.</summary>
internal sealed class StoredReplica(RangeId range)
{
    public RangeId Range { get; } = range;

    public HardState HardState { get; set; } = HardState.Initial;

    public ReplicaState? State { get; set; }

    public LogIndex Applied { get; set; }

    public bool Removed { get; set; }

    /// <summary>The threshold of versions up to which all garbage was removed here.</summary>
    public HlcTimestamp Swept { get; set; }

    public List<LogEntry> Log { get; } = [];
}

/// <summary>Writes and reads a replica's own records. Each value begins with a format version.</summary>
internal static class ReplicaStore
{
    public static void PutHardState(WriteBatch batch, RangeId range, HardState state, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteByte(1);
        buffer.WriteInt64(state.Term.Value);
        buffer.WriteInt32(state.Vote.Value);
        buffer.WriteInt32(state.FortifiedLeader.Value);
        buffer.WriteInt64(state.FortifiedEpoch.Value);
        buffer.WriteInt64(state.FortifiedTerm.Value);
        batch.Put(LocalKeys.Replica(range, LocalKeys.HardStateKind), buffer.Written);
    }

    public static void PutState(WriteBatch batch, RangeId range, ReplicaState state, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteByte(1);
        buffer.WriteBool(state.Descriptor is not null);
        state.Descriptor?.Write(buffer);
        buffer.WriteInt64(state.Truncated.Value);
        buffer.WriteInt64(state.TruncatedTerm.Value);
        buffer.WriteBool(state.Base is not null);
        state.Base?.Write(buffer);
        batch.Put(LocalKeys.Replica(range, LocalKeys.StateKind), buffer.Written);
    }

    public static void PutApplied(WriteBatch batch, ReadOnlySpan<byte> key, LogIndex applied, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteByte(1);
        buffer.WriteInt64(applied.Value);
        batch.Put(key, buffer.Written);
    }

    public static void PutSwept(WriteBatch batch, RangeId range, HlcTimestamp swept, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteByte(1);
        buffer.WriteTimestamp(swept);
        batch.Put(LocalKeys.Replica(range, LocalKeys.SweptKind), buffer.Written);
    }

    public static void PutEntry(WriteBatch batch, RangeId range, in LogEntry entry, CodecWriter buffer)
    {
        Span<byte> key = stackalloc byte[LocalKeys.LogKeyLength];
        LocalKeys.Log(key, range, entry.Index);
        buffer.Clear();
        buffer.WriteByte(1);
        buffer.WriteInt64(entry.Term.Value);
        buffer.WriteByte((byte)entry.Kind);
        buffer.WriteRaw(entry.Payload.Span);
        batch.Put(key, buffer.Written);
    }

    /// <summary>Removes entries one by one: a range tombstone in the hottest part of the store would slow every read beside it.</summary>
    public static void DeleteEntries(WriteBatch batch, RangeId range, LogIndex first, LogIndex last)
    {
        Span<byte> key = stackalloc byte[LocalKeys.LogKeyLength];
        for (var index = first; index <= last; index = index.Next)
        {
            LocalKeys.Log(key, range, index);
            batch.Delete(key);
        }
    }

    /// <summary>Removes all of a replica but its hard state, which a later replica of the same range here must not forget.</summary>
    public static void DeleteReplica(WriteBatch batch, RangeId range)
    {
        batch.Delete(LocalKeys.Replica(range, LocalKeys.StateKind));
        batch.Delete(LocalKeys.Replica(range, LocalKeys.AppliedKind));
        batch.Delete(LocalKeys.Replica(range, LocalKeys.SweptKind));
        batch.DeleteRange(LocalKeys.Replica(range, LocalKeys.LogKind), LocalKeys.Replica(range, LocalKeys.LogKind + 1));
        batch.Put(LocalKeys.Replica(range, LocalKeys.RemovedKind), [1]);
    }

    /// <summary>Reads every replica of the store, in the order of range ids.</summary>
    public static List<StoredReplica> LoadAll(IOrderedReader reader)
    {
        var replicas = new List<StoredReplica>();
        using var cursor = reader.OpenCursor(LocalKeys.ReplicasStart, LocalKeys.ReplicasEnd);
        for (cursor.SeekAtOrAfter(LocalKeys.ReplicasStart); cursor.IsValid; cursor.MoveNext())
        {
            var range = LocalKeys.RangeOf(cursor.Key);
            if (replicas.Count == 0 || replicas[^1].Range != range)
            {
                replicas.Add(new(range));
            }

            ReadInto(replicas[^1], cursor.Key, cursor.Value);
        }

        return replicas;
    }

    private static void ReadInto(StoredReplica replica, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var reader = new CodecReader(value);
        reader.ReadVersion("a replica record", 1);
        switch (LocalKeys.KindOf(key))
        {
            case LocalKeys.HardStateKind:
                replica.HardState = new(
                    new(reader.ReadInt64()), new(reader.ReadInt32()), new(reader.ReadInt32()),
                    new(reader.ReadInt64()), new(reader.ReadInt64()));
                break;
            case LocalKeys.StateKind:
                var descriptor = reader.ReadBool() ? RangeDescriptor.Read(ref reader) : null;
                var truncated = new LogIndex(reader.ReadInt64());
                var term = new Term(reader.ReadInt64());
                replica.State = new(descriptor, truncated, term, reader.ReadBool() ? Configuration.Read(ref reader) : null);
                break;
            case LocalKeys.AppliedKind:
                replica.Applied = new(reader.ReadInt64());
                break;
            case LocalKeys.LogKind:
                var entryTerm = new Term(reader.ReadInt64());
                var kind = (EntryKind)reader.ReadByte();
                replica.Log.Add(new(entryTerm, LocalKeys.IndexOf(key), kind, reader.ReadRaw(reader.Remaining).ToArray()));
                break;
            case LocalKeys.SweptKind:
                replica.Swept = reader.ReadTimestamp();
                break;
            case LocalKeys.RemovedKind:
                replica.Removed = true;
                break;
            default:
                throw new CodecException($"a replica record of kind {LocalKeys.KindOf(key)}");
        }
    }
}
