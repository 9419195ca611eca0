namespace OrleansGeo.Storage.Memory;

/// <summary>What a key held before a write: null when it was absent.</summary>
internal readonly record struct UndoEntry(byte[] Key, byte[]? Before);

/// <summary>
/// How to take back the batches that are not durable yet, newest first. Values are never changed in place, so an entry is two references,
/// and losing writes needs no second copy of the store.
/// </summary>
internal sealed class UndoLog
{
    private readonly List<UndoEntry> _entries = [];
    private readonly List<int> _ends = [];
    private int _batchHead;

    /// <summary>The number of the last batch written; the first ever has number 1.</summary>
    internal long LastBatch { get; private set; }

    /// <summary>How many batches could be lost.</summary>
    internal int Pending => _ends.Count - _batchHead;

    /// <summary>Entries of the batch being written go here.</summary>
    internal List<UndoEntry> Entries => _entries;

    internal void EndBatch()
    {
        _ends.Add(_entries.Count);
        LastBatch++;
    }

    /// <summary>Everything up to this batch is durable and cannot be taken back any more.</summary>
    internal void Forget(long throughBatch)
    {
        var count = (int)(throughBatch - (LastBatch - Pending));
        if (count <= 0)
        {
            return;
        }

        _batchHead += count;
        if (Pending == 0)
        {
            _entries.Clear();
            _ends.Clear();
            _batchHead = 0;
        }
        else if (_batchHead > 1024 && _batchHead > _ends.Count / 2)
        {
            DropHead();
        }
    }

    /// <summary>Takes back the newest batches until only some of the pending ones are left.</summary>
    internal void RollBack(OrderedTree tree, int keepBatches)
    {
        var ignored = new List<UndoEntry>();
        var keptEnd = _batchHead + keepBatches;
        var stop = keptEnd == 0 ? 0 : _ends[keptEnd - 1];
        for (var i = _entries.Count - 1; i >= stop; i--)
        {
            if (_entries[i].Before is { } before)
            {
                tree.Put(_entries[i].Key, before, out _);
            }
            else
            {
                tree.Remove(_entries[i].Key, ignored);
            }
        }

        _entries.RemoveRange(stop, _entries.Count - stop);
        LastBatch -= _ends.Count - keptEnd;
        _ends.RemoveRange(keptEnd, _ends.Count - keptEnd);
    }

    private void DropHead()
    {
        var dropped = _ends[_batchHead - 1];
        _entries.RemoveRange(0, dropped);
        _ends.RemoveRange(0, _batchHead);
        for (var i = 0; i < _ends.Count; i++)
        {
            _ends[i] -= dropped;
        }

        _batchHead = 0;
    }
}
