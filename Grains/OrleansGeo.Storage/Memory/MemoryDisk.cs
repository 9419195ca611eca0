using System.Diagnostics.CodeAnalysis;
using OrleansGeo.Primitives;

namespace OrleansGeo.Storage.Memory;

/// <summary>
/// The disk under a <see cref="MemoryEngine"/>. It outlives the node: a crash closes the engine and loses what was not synced, and the next
/// engine opened on the disk sees what is left. It also plays the faults of real disks.
/// Faults may be set from any thread.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Whoever opened the engine disposes it; the disk only refuses a second one.")]
public sealed class MemoryDisk
{
    /// <summary>What a pair counts beside its bytes: about two array headers. It also makes an empty pair weigh something.</summary>
    public const int PairOverheadBytes = 16;

    private readonly HashSet<byte[]> _corrupt = new(ReferenceEqualityComparer.Instance);
    private MemoryEngine? _open;
    private bool _stallSyncs;

    /// <summary>How long a sync takes. Asked once for each sync; zero completes it before SyncAsync returns. Zero unless set.</summary>
    public Func<TimeSpan> SyncLatency { get; set; } = static () => TimeSpan.Zero;

    /// <summary>
    /// Makes the next sync that would complete fail, once. What it should have made durable may or may not survive a crash.
    /// </summary>
    public bool FailNextSync { get; set; }

    /// <summary>While true no sync completes. Those that became due meanwhile complete when it is cleared.</summary>
    public bool StallSyncs
    {
        get => Volatile.Read(ref _stallSyncs);
        set
        {
            MemoryEngine? open;
            lock (Gate)
            {
                _stallSyncs = value;
                open = _open;
            }

            if (!value)
            {
                open?.ResumeSyncs();
            }
        }
    }

    /// <summary>
    /// A write that would pass this fails as on a full disk. A batch counts with all its operations, also with its deletes.
    /// </summary>
    public long CapacityBytes { get; set; } = long.MaxValue;

    /// <summary>Bytes of the stored pairs, with <see cref="PairOverheadBytes"/> for each.</summary>
    public long UsedBytes
    {
        get
        {
            lock (Gate)
            {
                return Tree.Bytes;
            }
        }
    }

    /// <summary>Batches that a crash could lose now.</summary>
    public int UnsyncedBatches
    {
        get
        {
            lock (Gate)
            {
                return Undo.Pending;
            }
        }
    }

    internal Lock Gate { get; } = new();

    internal OrderedTree Tree { get; private set; } = new();

    internal UndoLog Undo { get; private set; } = new();

    /// <summary>
    /// Opens the one engine that may use the disk. Throws <see cref="StorageUnavailableException"/> while another is open. Syncs take their
    /// time from the provider.
    /// </summary>
    public MemoryEngine Open(TimeProvider time)
    {
        lock (Gate)
        {
            if (_open is not null)
            {
                throw new StorageUnavailableException("The memory disk is in use by another engine: dispose that engine first.");
            }

            return _open = new(this, Tree, time);
        }
    }

    /// <summary>
    /// Crashes the node: the open engine is closed, and of the batches behind the last completed sync only a prefix of random length is
    /// left. Returns how many batches were lost.
    /// </summary>
    public int Crash(Prng prng)
    {
        lock (Gate)
        {
            var pending = Undo.Pending;
            var keep = prng.Below(pending + 1);
            Detach(new StorageFailedException("The node crashed."));
            Undo.RollBack(Tree, keep);
            Undo.Forget(Undo.LastBatch);
            return pending - keep;
        }
    }

    /// <summary>Loses the whole disk, and crashes the node if it runs.</summary>
    public void Wipe()
    {
        lock (Gate)
        {
            Detach(new StorageFailedException("The disk was lost."));
            Tree = new();
            Undo = new();
            _corrupt.Clear();
        }
    }

    /// <summary>
    /// Flips one bit of one stored value, chosen at random by bytes. Reading the pair then throws <see cref="StorageCorruptException"/>, as
    /// the checksum of a block would. Returns the key; null when nothing is stored.
    /// </summary>
    public byte[]? FlipBit(Prng prng)
    {
        lock (Gate)
        {
            if (Tree.Bytes == 0)
            {
                return null;
            }

            var pair = OrderedTree.PairAt(Tree.Capture(out _), prng.Below(Tree.Bytes));
            // A copy even when it is empty, so that no other pair shares the array that is marked.
            var flipped = GC.AllocateUninitializedArray<byte>(pair.Before!.Length);
            pair.Before.CopyTo(flipped, 0);
            if (flipped.Length != 0)
            {
                flipped[prng.Below(flipped.Length)] ^= (byte)(1 << prng.Below(8));
            }

            Tree.Put(pair.Key, flipped, out _);
            _corrupt.Add(flipped);
            return pair.Key.ToArray();
        }
    }

    internal void Closed(MemoryEngine engine)
    {
        lock (Gate)
        {
            if (ReferenceEquals(_open, engine))
            {
                _open = null;
            }
        }
    }

    internal void ThrowIfCorrupt(byte[] key, byte[] value)
    {
        if (_corrupt.Count == 0)
        {
            return;
        }

        lock (Gate)
        {
            if (_corrupt.Contains(value))
            {
                throw new StorageCorruptException($"The checksum of the pair at {Convert.ToHexStringLower(key)} does not match.");
            }
        }
    }

    internal void ThrowIfCorrupt(ReadOnlySpan<byte> key, byte[] value)
    {
        if (_corrupt.Count != 0)
        {
            ThrowIfCorrupt(key.ToArray(), value);
        }
    }

    // The old engine and its cursors keep the old tree, which nobody changes any more.
    private void Detach(StorageFailedException reason)
    {
        _open?.Fail(reason);
        _open = null;
        Tree = Tree.Fork();
    }
}
