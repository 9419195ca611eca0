using OrleansGeo.Primitives;

namespace OrleansGeo.Storage;

/// <summary>
/// A node's ordered store of keys and values, keys compared as unsigned bytes.
/// A write is atomic and visible to every later read at once; it is durable only when a <see cref="SyncAsync"/> that began after it has
/// completed. After a crash the store holds every batch up to some point in the order of writing, no part of a later batch, and at least
/// everything synced.
/// A failed write or sync leaves the engine failed: every later call throws <see cref="StorageFailedException"/>. Nothing is retried,
/// because after a failed fsync the kernel may drop the pages and report the next one as good (Rebello et al., ATC 2020).
/// Calls come from one thread at a time, except that a sync may run beside reads and writes.
/// </summary>
public interface IStorageEngine : IOrderedReader, IDisposable
{
    /// <summary>Applies a batch, in the order of its operations. The batch may be cleared and used again when this returns.</summary>
    void Write(WriteBatch batch);

    /// <summary>
    /// Completes when every write made before this call is durable. Syncs asked for while one is under way share the next.
    /// </summary>
    ValueTask SyncAsync();

    /// <summary>
    /// A view of the keys from start up to, not including, end, as they are at this moment; later writes do not change it, and what it
    /// shows beyond the bounds is not defined. Dispose it soon: it holds old data back from being freed.
    /// </summary>
    IStorageSnapshot OpenSnapshot(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end);

    /// <summary>
    /// Writes a complete copy of the store, as of now, into a folder that must not exist yet. Only for engines that keep files.
    /// </summary>
    void Checkpoint(string folder);

    /// <summary>About how many bytes the pairs in the span take, memory included; cheap, and off by up to some tens of percent.</summary>
    long EstimateBytes(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end);

    /// <summary>Why the engine failed, or null while it works.</summary>
    Exception? Failure { get; }
}

/// <summary>One moment of an <see cref="IStorageEngine"/>.</summary>
public interface IStorageSnapshot : IOrderedReader, IDisposable;

/// <summary>The engine can no longer promise what it promised. The node that owns it must stop.</summary>
public sealed class StorageFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Stored bytes do not match their checksum.</summary>
public sealed class StorageCorruptException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The store cannot be opened. The message is one sentence for the operator and says what to do.</summary>
public sealed class StorageUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
