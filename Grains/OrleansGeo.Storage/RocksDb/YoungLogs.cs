namespace OrleansGeo.Storage.RocksDb;

/// <summary>
/// Log entries that are in the write-ahead log and not in RocksDB. Most are removed while they are young, and then they never cost a place
/// in a memtable, a tombstone, or a byte of a table. Here is only where each one is: which segment holds it. Whoever wants to read one puts
/// all of them into RocksDB first; that is done when a store was opened, and hardly ever later.
/// </summary>
internal sealed class YoungLogs
{
    private readonly LogKeySpace _space;
    private readonly Func<byte[], ulong?> _highestStored;
    private readonly Action<long, int> _countYoung;
    private readonly Dictionary<byte[], YoungLog> _logs;
    private readonly Dictionary<byte[], YoungLog>.AlternateLookup<ReadOnlySpan<byte>> _byName;

    /// <summary>
    /// Makes an empty one. Given are ways to find the highest index of a log that RocksDB holds, and to count entries by segment.
    /// </summary>
    internal YoungLogs(LogKeySpace space, Func<byte[], ulong?> highestStored, Action<long, int> countYoung)
    {
        _space = space;
        _highestStored = highestStored;
        _countYoung = countYoung;
        _logs = new(ByteNames.Instance);
        _byName = _logs.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Entries that are here.</summary>
    internal long Count { get; private set; }

    /// <summary>True when a read of the span may miss something that is here.</summary>
    internal bool MayHold(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end) => Count > 0 && _space.Overlaps(start, end);

    /// <summary>True when a read of the key would miss it.</summary>
    internal bool Holds(ReadOnlySpan<byte> key) =>
        Count > 0 && _space.Contains(key)
        && _byName.TryGetValue(_space.NameOf(key), out var log) && log.SegmentOf(_space.IndexOf(key)) != 0;

    /// <summary>True when the key is a log entry's.</summary>
    internal bool IsLogKey(ReadOnlySpan<byte> key) => _space.Contains(key);

    /// <summary>Takes an entry that a segment holds; false when RocksDB must take it, as for any other key.</summary>
    internal bool TakePut(ReadOnlySpan<byte> key, long segment)
    {
        if (!_space.Contains(key))
        {
            return false;
        }

        var log = LogOf(_space.NameOf(key));
        var index = _space.IndexOf(key);
        var before = log.SegmentOf(index);
        if (!log.TryPut(index, segment))
        {
            log.NoteStored(index);
            return false;
        }

        if (before != 0)
        {
            _countYoung(before, -1);
            Count--;
        }

        _countYoung(segment, 1);
        Count++;
        return true;
    }

    /// <summary>Removes an entry; false when RocksDB must remove the key as well.</summary>
    internal bool TakeDelete(ReadOnlySpan<byte> key)
    {
        if (!_space.Contains(key))
        {
            return false;
        }

        var log = LogOf(_space.NameOf(key));
        var index = _space.IndexOf(key);
        Forget(log, index);
        return !log.MayBeStored(index);
    }

    /// <summary>Removes the entries of a span; RocksDB must remove it as well.</summary>
    internal void DeleteRange(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        if (!MayHold(start, end))
        {
            return;
        }

        foreach (var (name, log) in _logs)
        {
            if (log.Count == 0 || _space.KeyOf(name, log.Last).AsSpan().SequenceCompareTo(start) < 0
                || _space.KeyOf(name, log.First).AsSpan().SequenceCompareTo(end) >= 0)
            {
                continue;
            }

            var (first, count) = (log.First, log.Count);
            for (var i = 0; i < count; i++)
            {
                var index = first + (ulong)i;
                var key = _space.KeyOf(name, index).AsSpan();
                if (key.SequenceCompareTo(start) >= 0 && key.SequenceCompareTo(end) < 0)
                {
                    Forget(log, index);
                }
            }
        }
    }

    /// <summary>Picks what a batch of a segment put here and is still here.</summary>
    internal void Pick(long segment, WriteBatch from, WriteBatch to)
    {
        foreach (var operation in from)
        {
            if (operation.Kind != WriteKind.Put || !_space.Contains(operation.Key)
                || !_byName.TryGetValue(_space.NameOf(operation.Key), out var log))
            {
                continue;
            }

            // An entry put twice into one segment is picked twice; the later one wins in RocksDB too.
            var index = _space.IndexOf(operation.Key);
            if (log.SegmentOf(index) == segment)
            {
                to.Put(operation.Key, operation.Value);
            }
        }
    }

    /// <summary>Forgets everything of a segment: RocksDB has it.</summary>
    internal void ForgetSegment(long segment)
    {
        foreach (var log in _logs.Values)
        {
            var (first, count) = (log.First, log.Count);
            for (var i = 0; i < count; i++)
            {
                var index = first + (ulong)i;
                if (log.SegmentOf(index) == segment)
                {
                    log.NoteStored(index);
                    Forget(log, index);
                }
            }
        }
    }

    private void Forget(YoungLog log, ulong index)
    {
        var segment = log.SegmentOf(index);
        if (segment != 0)
        {
            log.Remove(index);
            _countYoung(segment, -1);
            Count--;
        }
    }

    private YoungLog LogOf(ReadOnlySpan<byte> name)
    {
        if (!_byName.TryGetValue(name, out var log))
        {
            var copy = name.ToArray();
            log = new(_highestStored(copy));
            _logs.Add(copy, log);
        }

        return log;
    }

    private sealed class ByteNames : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        internal static readonly ByteNames Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] name) => GetHashCode(name.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = new HashCode();
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}

/// <summary>One log's young entries: a ring of segment numbers, by index, without gaps but for removed ones (zero).</summary>
internal sealed class YoungLog(ulong? highestStored)
{
    private long[] _segments = new long[8];
    private int _head;
    private ulong? _highestStored = highestStored;

    /// <summary>Index of the first entry.</summary>
    internal ulong First { get; private set; }

    /// <summary>Places from the first entry to the last.</summary>
    internal int Count { get; private set; }

    /// <summary>Index of the last entry; there must be one.</summary>
    internal ulong Last => First + (ulong)(Count - 1);

    /// <summary>True when RocksDB may hold a value of the entry.</summary>
    internal bool MayBeStored(ulong index) => index <= _highestStored;

    /// <summary>RocksDB holds a value of the entry.</summary>
    internal void NoteStored(ulong index) => _highestStored = Math.Max(_highestStored ?? 0, index);

    /// <summary>The segment that holds the entry; 0 when it is not here.</summary>
    internal long SegmentOf(ulong index) =>
        Count > 0 && index >= First && index - First < (ulong)Count ? _segments[Slot(index)] : 0;

    /// <summary>Sets an entry's segment; false when it lies neither among the others nor right behind them.</summary>
    internal bool TryPut(ulong index, long segment)
    {
        if (Count == 0)
        {
            First = index;
            _head = 0;
        }

        if (index < First || index - First > (ulong)Count)
        {
            return false;
        }

        if (index - First == (ulong)Count)
        {
            if (Count == _segments.Length)
            {
                Grow();
            }

            Count++;
        }

        _segments[Slot(index)] = segment;
        return true;
    }

    /// <summary>Takes an entry out.</summary>
    internal void Remove(ulong index)
    {
        _segments[Slot(index)] = 0;
        while (Count > 0 && _segments[Slot(First)] == 0)
        {
            _head = (_head + 1) & (_segments.Length - 1);
            First++;
            Count--;
        }

        while (Count > 0 && _segments[Slot(Last)] == 0)
        {
            Count--;
        }
    }

    private int Slot(ulong index) => (int)((ulong)_head + (index - First)) & (_segments.Length - 1);

    private void Grow()
    {
        var larger = new long[_segments.Length * 2];
        for (var i = 0; i < Count; i++)
        {
            larger[i] = _segments[(_head + i) & (_segments.Length - 1)];
        }

        _segments = larger;
        _head = 0;
    }
}
