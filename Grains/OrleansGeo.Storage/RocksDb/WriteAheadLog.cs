using System.Globalization;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// The engine's write-ahead log: every batch, in order, in segments that are used again. RocksDB's own is turned off. Two things are
/// gained: syncs that write no metadata, and log entries that never reach a table because they are removed before (<see
/// cref="YoungLogs"/>).
/// <para>
/// Recovery applies every record from the oldest segment on that was needed when the newest was begun. That is right although tables hold
/// the effects of some of them: segments are given up from the oldest on, so those that are left end with the last batch; puts and removals
/// applied again in order lead to the same end; and tables hold no batch that the log may lose, because a memtable is closed only after the
/// log was synced (see <see cref="RocksDbEngine"/>).
/// </para>
/// One thread at a time, but for <see cref="Sync"/>.
/// </summary>
internal sealed class WriteAheadLog : IDisposable
{
    private const string Extension = ".wal";

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly long _segmentBytes;
    private readonly Action<string>? _synced;
    private readonly List<WalSegment> _all = [];
    private readonly List<WalSegment> _free = [];
    private readonly List<WalSegment> _used = [];
    private byte[] _buffer = new byte[4096];
    private WalSegment? _active;

    private WriteAheadLog(string folder, RocksDbOptions options)
    {
        _folder = folder;
        _segmentBytes = options.SegmentBytes;
        _synced = options.Synced;
    }

    /// <summary>The number of the last batch.</summary>
    internal long Sequence { get; private set; }

    /// <summary>The segment that takes batches now.</summary>
    internal long ActiveNumber => _active?.Number ?? 0;

    /// <summary>Segments that may not be written over yet, the active one included.</summary>
    internal int UsedCount => _used.Count;

    /// <summary>Bytes written in them.</summary>
    internal long UsedBytes
    {
        get
        {
            var bytes = 0L;
            foreach (var segment in _used)
            {
                bytes += segment.Written;
            }

            return bytes;
        }
    }

    /// <summary>The segment that goes first.</summary>
    internal WalSegment Oldest => _used[0];

    /// <summary>Opens what is in a folder; <see cref="Recover"/> comes next.</summary>
    internal static WriteAheadLog Open(string folder, RocksDbOptions options)
    {
        var log = new WriteAheadLog(folder, options);
        try
        {
            foreach (var path in Directory.GetFiles(folder, "*" + Extension).Order(StringComparer.Ordinal))
            {
                var segment = WalSegment.Open(path, options.Synced);
                log._all.Add(segment);
                (segment.Number > 0 ? log._used : log._free).Add(segment);
            }

            log._used.Sort(static (a, b) => a.Number.CompareTo(b.Number));
            log.LeaveOutStored();
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Hands every batch that is left to the callback, in order. Throws <see cref="StorageCorruptException"/> when batches are missing in
    /// the middle. <see cref="BeginAfterRecovery"/> comes next.
    /// </summary>
    internal void Recover(Action<WriteBatch> apply)
    {
        // What a killed process wrote may be in the page cache alone, and tables must not get ahead of it.
        foreach (var segment in _used)
        {
            segment.Sync();
        }

        if (_used.Count > 0 && _used[0].Number != _used[^1].OldestNeeded)
        {
            throw new StorageCorruptException(
                $"The store in {_folder} is damaged: it lost writes that were durable, for segment {_used[^1].OldestNeeded} of the "
                + $"write-ahead log is gone and {_used[0].Path} is segment {_used[0].Number}.");
        }

        for (var i = 0; i < _used.Count; i++)
        {
            var segment = _used[i];
            if (i > 0 && segment.FirstSequence != Sequence + 1)
            {
                throw new StorageCorruptException(
                    $"The store in {_folder} is damaged: it lost writes that were durable, for the write-ahead log ends at batch "
                    + $"{Sequence} before {segment.Path} begins at {segment.FirstSequence}.");
            }

            _active = segment;
            Sequence = segment.FirstSequence - 1;
            segment.Written = ForEachBatch(segment, long.MaxValue, recovered =>
            {
                Sequence++;
                apply(recovered);
            });
        }
    }

    /// <summary>Begins this run's first segment. Everything that was recovered must be in tables.</summary>
    internal void BeginAfterRecovery()
    {
        var number = _used.Count > 0 ? _used[^1].Number : 0;
        _free.AddRange(_used);
        _used.Clear();
        Begin(number + 1, 0);
    }

    /// <summary>True when the active segment has no room for a batch.</summary>
    internal bool MustRoll(WriteBatch batch) => !_active!.Fits(batch.Bytes);

    /// <summary>Appends a batch.</summary>
    internal void Append(WriteBatch batch)
    {
        var bytes = WalSegment.RecordHeaderBytes + batch.Bytes;
        if (_buffer.Length < bytes)
        {
            _buffer = new byte[Math.Max(_buffer.Length * 2, bytes)];
        }

        batch.Encoded.CopyTo(_buffer.AsSpan(WalSegment.RecordHeaderBytes));
        _active!.Append(_buffer.AsSpan(0, bytes), Sequence + 1);
        lock (_gate)
        {
            Sequence++;
        }
    }

    /// <summary>Goes on in the next segment, which has room for the batch. The active one must be synced.</summary>
    internal void Roll(WriteBatch batch) => Begin(_active!.Number + 1, batch.Bytes);

    /// <summary>Makes everything durable that was written before the call, and says up to which batch that is. From any thread.</summary>
    internal long Sync()
    {
        WalSegment segment;
        long sequence;
        lock (_gate)
        {
            (segment, sequence) = (_active!, Sequence);
        }

        // Segments before it were synced when they were full.
        segment.Sync();
        return sequence;
    }

    /// <summary>Counts log entries that are in a segment and nowhere else.</summary>
    internal void AddYoung(long number, int count)
    {
        for (var i = _used.Count - 1; i >= 0; i--)
        {
            if (_used[i].Number == number)
            {
                _used[i].YoungEntries += count;
                return;
            }
        }
    }

    /// <summary>Gives up the oldest segments that hold nothing but what is in tables, given which segment those reach to.</summary>
    internal void Free(long storedThrough)
    {
        while (_used.Count > 1 && _used[0].YoungEntries == 0 && _used[0].NeededUntilStored <= storedThrough)
        {
            _free.Add(_used[0]);
            _used.RemoveAt(0);
        }
    }

    /// <summary>The segments that hold young entries, oldest first.</summary>
    internal List<WalSegment> YoungSegments() => _used.FindAll(static segment => segment.YoungEntries > 0);

    /// <summary>
    /// Hands every batch of a segment to the callback. Throws <see cref="StorageCorruptException"/> when one of them cannot be read.
    /// </summary>
    internal void Read(WalSegment segment, Action<WriteBatch> visit)
    {
        var end = ForEachBatch(segment, segment.Written, visit);
        if (end != segment.Written)
        {
            throw new StorageCorruptException($"{segment.Path} is damaged: what was written up to {segment.Written} reads up to {end}");
        }
    }

    public void Dispose()
    {
        foreach (var segment in _all)
        {
            segment.Dispose();
        }
    }

    private void Begin(long number, long batchBytes)
    {
        var room = Math.Max(_segmentBytes, WalSegment.HeaderBytes + WalSegment.RecordHeaderBytes + batchBytes);
        var segment = TakeFree();
        segment.Begin(number, Sequence + 1, _used.Count > 0 ? _used[0].Number : number, room);
        _used.Add(segment);
        lock (_gate)
        {
            _active = segment;
        }
    }

    // What was stored when the newest segment was begun need not be read again.
    private void LeaveOutStored()
    {
        var stored = _used.Count == 0 ? 0 : _used.FindIndex(segment => segment.Number >= _used[^1].OldestNeeded);
        _free.AddRange(_used[..stored]);
        _used.RemoveRange(0, stored);
    }

    private WalSegment TakeFree()
    {
        if (_free.Count > 0)
        {
            var oldest = _free[0];
            _free.RemoveAt(0);
            return oldest;
        }

        var path = Path.Combine(_folder, (_all.Count + 1).ToString("D4", CultureInfo.InvariantCulture) + Extension);
        var segment = WalSegment.Open(path, _synced);
        _all.Add(segment);
        DurableFolder.SyncEntries(_folder);
        return segment;
    }

    // Returns where the last good record ends.
    private long ForEachBatch(WalSegment segment, long end, Action<WriteBatch> visit)
    {
        var batch = new WriteBatch();
        var sequence = segment.FirstSequence;
        long at = WalSegment.HeaderBytes;
        for (; at < end; sequence++)
        {
            if (segment.Read(at, ref _buffer) is not { } record || record.Sequence != sequence)
            {
                break;
            }

            batch.Load(_buffer.AsSpan(WalSegment.RecordHeaderBytes, record.Bytes));
            visit(batch);
            at += WalSegment.RecordHeaderBytes + record.Bytes;
        }

        return at;
    }
}
