using System.Collections.Immutable;
using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>The node's own records in its storage: who it is, how often it started, what it promised. And how all of it begins.</summary>
public static class NodeStore
{
    private const byte FormatVersion = 1;

    /// <summary>The term in which every range begins: below the first election.</summary>
    internal static Term FirstTerm { get; } = new(1);

    /// <summary>
    /// Makes an empty store the store of a node that is a member of the first system range. On a store that was initialised before, checks
    /// that it belongs to the same node and changes nothing. Durable when completed.
    /// </summary>
    /// <exception cref="StorageUnavailableException">The store belongs to another node or cluster, or has a newer format.</exception>
    public static async Task InitialiseAsync(
        IStorageEngine storage, NodeIdentity identity, RangeDescriptor system, NodeId firstLeader,
        IReadOnlyList<KeyValuePair<Key, byte[]>> records)
    {
        if (storage.TryGet(LocalKeys.Identity, out _))
        {
            Check(ReadIdentity(storage, identity.Name), identity);
            return;
        }

        var batch = new WriteBatch();
        var buffer = new CodecWriter();
        PutIdentity(batch, identity, buffer);
        PutBornReplica(batch, system, FirstTerm, HardState.Initial with { Term = FirstTerm, Vote = firstLeader }, buffer);
        var key = new CodecWriter();
        foreach (var (user, value) in records)
        {
            MvccKey.Encode(key, user, new(1));
            MvccValue.Encode(buffer, value);
            batch.Put(key.Written, buffer.Written);
        }

        storage.Write(batch);
        await storage.SyncAsync();
    }

    /// <summary>
    /// Makes an empty store the store of a node that joined a running cluster: it has no range yet, and gets the system range from those
    /// that do. On a store that was initialised before, checks that it belongs to the same node. Durable when completed.
    /// </summary>
    /// <exception cref="StorageUnavailableException">The store belongs to another node or cluster, or has a newer format.</exception>
    public static async Task InitialiseJoinedAsync(IStorageEngine storage, NodeIdentity identity)
    {
        if (storage.TryGet(LocalKeys.Identity, out _))
        {
            Check(ReadIdentity(storage, identity.Name), identity);
            return;
        }

        var batch = new WriteBatch();
        PutIdentity(batch, identity, new());
        storage.Write(batch);
        await storage.SyncAsync();
    }

    /// <summary>
    /// The token under which a node asks to join: drawn once and kept, so that a node which asked and died before it heard the answer gets
    /// the same id. Durable when completed.
    /// </summary>
    /// <param name="storage">The node's storage.</param>
    /// <param name="fresh">A random token, for the first time.</param>
    public static async Task<ImmutableArray<byte>> JoinTokenAsync(IStorageEngine storage, ImmutableArray<byte> fresh)
    {
        if (storage.TryGet(LocalKeys.JoinToken, out var kept))
        {
            return [.. kept];
        }

        var batch = new WriteBatch();
        batch.Put(LocalKeys.JoinToken, fresh.AsSpan());
        storage.Write(batch);
        await storage.SyncAsync();
        return fresh;
    }

    /// <summary>True when the store holds a replica of a range.</summary>
    internal static bool HasReplica(IStorageEngine storage, RangeId range) =>
        storage.TryGet(LocalKeys.Replica(range, LocalKeys.AppliedKind), out _);

    /// <summary>True when the store belongs to a node already.</summary>
    public static bool IsInitialised(IStorageEngine storage) => storage.TryGet(LocalKeys.Identity, out _);

    private static void PutIdentity(WriteBatch batch, NodeIdentity identity, CodecWriter buffer)
    {
        buffer.WriteByte(FormatVersion);
        buffer.WriteString(identity.ClusterId);
        buffer.WriteInt32(identity.Node.Value);
        buffer.WriteString(identity.Name);
        buffer.WriteBytes(identity.TokenSecret.Span);
        batch.Put(LocalKeys.Identity, buffer.Written);
    }

    /// <summary>Who the store belongs to.</summary>
    /// <exception cref="StorageUnavailableException">The store was never initialised, has another name in it, or a newer
    /// format.</exception>
    public static NodeIdentity ReadIdentity(IStorageEngine storage, string name)
    {
        if (!storage.TryGet(LocalKeys.Identity, out var bytes))
        {
            throw new StorageUnavailableException($"The data of node {name} was never initialised; run init or join first.");
        }

        if (bytes.Length == 0 || bytes[0] is 0 or > FormatVersion)
        {
            throw new StorageUnavailableException(
                $"The data of node {name} has format {(bytes.Length == 0 ? 0 : bytes[0])}, "
                + $"and this build reads up to {FormatVersion}; use a newer build.");
        }

        var reader = new CodecReader(bytes);
        reader.ReadByte();
        var identity = new NodeIdentity(reader.ReadString(), new(reader.ReadInt32()), reader.ReadString(), reader.ReadBytes().ToArray());
        return identity.Name == name
            ? identity
            : throw new StorageUnavailableException(
                $"The data belongs to node {identity.Name}, not to {name}; give each node its own directory.");
    }

    internal static async Task<Incarnation> RaiseIncarnationAsync(IStorageEngine storage)
    {
        var last = storage.TryGet(LocalKeys.Incarnation, out var bytes) ? new CodecReader(bytes).ReadInt64() : 0;
        var buffer = new CodecWriter();
        buffer.WriteInt64(last + 1);
        var batch = new WriteBatch();
        batch.Put(LocalKeys.Incarnation, buffer.Written);
        storage.Write(batch);
        await storage.SyncAsync();
        return new(last + 1);
    }

    internal static HlcTimestamp ReadLimit(IStorageEngine storage) =>
        storage.TryGet(LocalKeys.ClockLimit, out var bytes) ? new CodecReader(bytes).ReadTimestamp() : HlcTimestamp.Zero;

    internal static void PutLimit(WriteBatch batch, HlcTimestamp limit, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteTimestamp(limit);
        batch.Put(LocalKeys.ClockLimit, buffer.Written);
    }

    internal static void PutSupport(WriteBatch batch, SupportRecord record, CodecWriter buffer)
    {
        buffer.Clear();
        buffer.WriteInt32(record.To.Value);
        buffer.WriteInt64(record.Incarnation.Value);
        buffer.WriteInt64(record.Epoch.Value);
        batch.Put(LocalKeys.Support(record.To), buffer.Written);
    }

    internal static List<SupportRecord> ReadSupport(IStorageEngine storage)
    {
        var records = new List<SupportRecord>();
        using var cursor = storage.OpenCursor(LocalKeys.SupportStart, LocalKeys.SupportEnd);
        for (cursor.SeekAtOrAfter(LocalKeys.SupportStart); cursor.IsValid; cursor.MoveNext())
        {
            var reader = new CodecReader(cursor.Value);
            records.Add(new(new(reader.ReadInt32()), new(reader.ReadInt64()), new(reader.ReadInt64())));
        }

        return records;
    }

    /// <summary>A replica that begins with its range: the same bytes on every member.</summary>
    internal static StoredReplica PutBornReplica(
        WriteBatch batch, RangeDescriptor descriptor, Term term, HardState hardState, CodecWriter buffer)
    {
        var born = new StoredReplica(descriptor.Id)
        {
            HardState = hardState,
            State = new(descriptor, RangeReplica.BornAt, term, descriptor.Configuration),
            Applied = RangeReplica.BornAt,
        };
        ReplicaStore.PutHardState(batch, descriptor.Id, hardState, buffer);
        ReplicaStore.PutState(batch, descriptor.Id, born.State, buffer);
        ReplicaStore.PutApplied(batch, LocalKeys.Replica(descriptor.Id, LocalKeys.AppliedKind), born.Applied, buffer);
        batch.Delete(LocalKeys.Replica(descriptor.Id, LocalKeys.RemovedKind));
        return born;
    }

    private static void Check(NodeIdentity stored, NodeIdentity wanted)
    {
        if (stored.ClusterId != wanted.ClusterId || stored.Node != wanted.Node)
        {
            throw new StorageUnavailableException(
                $"The data belongs to {stored.Node} of cluster {stored.ClusterId}, not to {wanted.Node} of {wanted.ClusterId}.");
        }
    }
}
