using OrleansGeo.Primitives;

namespace OrleansGeo.Consensus;

/// <summary>
/// The part of a range's log that is still kept, and the configurations in it. A configuration is in effect from the moment it is appended
/// and no longer once its entry is truncated (Raft §6), so both live in one place.
/// </summary>
public sealed class ReplicaLog
{
    /// <summary>What an entry costs beyond its payload, in <see cref="Bytes"/>.</summary>
    public const int EntryOverheadBytes = 48;

    private readonly List<LogEntry> _entries = [];
    private readonly List<(LogIndex Index, Configuration Configuration)> _configurations = [];

    /// <summary>Starts from what was durable.</summary>
    public ReplicaLog(RestoredReplica restored)
    {
        Truncated = restored.Truncated;
        TruncatedTerm = restored.TruncatedTerm;
        if (restored.Base is not null)
        {
            _configurations.Add((Truncated, restored.Base));
        }

        foreach (var entry in restored.Entries)
        {
            Append(entry);
        }
    }

    /// <summary>The last index that is no longer here.</summary>
    public LogIndex Truncated { get; private set; }

    /// <summary>The term of the entry at <see cref="Truncated"/>.</summary>
    public Term TruncatedTerm { get; private set; }

    /// <summary>The first index that is here, when there is one.</summary>
    public LogIndex FirstIndex => Truncated.Next;

    /// <summary>The last index.</summary>
    public LogIndex LastIndex => new(Truncated.Value + _entries.Count);

    /// <summary>The term of the last entry.</summary>
    public Term LastTerm => _entries.Count == 0 ? TruncatedTerm : _entries[^1].Term;

    /// <summary>Bytes kept in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>The newest configuration, or null before the first snapshot.</summary>
    public Configuration? Configuration => _configurations.Count == 0 ? null : _configurations[^1].Configuration;

    /// <summary>The index of the newest configuration's entry.</summary>
    public LogIndex ConfigurationIndex => _configurations.Count == 0 ? default : _configurations[^1].Index;

    /// <summary>The entry at an index that is here.</summary>
    public LogEntry this[LogIndex index]
    {
        get
        {
            Invariant.Holds(index > Truncated && index <= LastIndex);
            return _entries[Offset(index)];
        }
    }

    /// <summary>The term at an index, when it is known.</summary>
    public bool TryTermAt(LogIndex index, out Term term)
    {
        term = default;
        if (index < Truncated || index > LastIndex)
        {
            return false;
        }

        term = index == Truncated ? TruncatedTerm : _entries[Offset(index)].Term;
        return true;
    }

    /// <summary>True when the entry at the index has the term.</summary>
    public bool Matches(LogIndex index, Term term) => TryTermAt(index, out var own) && own == term;

    /// <summary>Adds the next entry.</summary>
    public void Append(in LogEntry entry)
    {
        Invariant.Holds(entry.Index == LastIndex.Next);
        Invariant.Holds(entry.Term >= LastTerm);
        _entries.Add(entry);
        Bytes += SizeOf(entry);
        if (entry.Kind == EntryKind.Configuration)
        {
            _configurations.Add((entry.Index, DecodeConfiguration(entry)));
        }
    }

    /// <summary>True when the node votes in the configuration in effect at an index, or in a later one.</summary>
    public bool IsVoterSince(LogIndex index, NodeId node)
    {
        for (var i = _configurations.Count - 1; i >= 0; i--)
        {
            if (_configurations[i].Configuration.IsVoter(node))
            {
                return true;
            }

            if (_configurations[i].Index <= index)
            {
                break;
            }
        }

        return false;
    }

    /// <summary>Removes everything from an index on.</summary>
    public void TruncateFrom(LogIndex from)
    {
        Invariant.Holds(from > Truncated && from <= LastIndex);
        for (var i = Offset(from); i < _entries.Count; i++)
        {
            Bytes -= SizeOf(_entries[i]);
        }

        _entries.RemoveRange(Offset(from), _entries.Count - Offset(from));
        while (_configurations.Count > 0 && _configurations[^1].Index >= from)
        {
            _configurations.RemoveAt(_configurations.Count - 1);
        }
    }

    /// <summary>Forgets everything up to an index.</summary>
    public void Compact(LogIndex upTo)
    {
        if (upTo <= Truncated)
        {
            return;
        }

        Invariant.Holds(TryTermAt(upTo, out var term));
        var count = (int)(upTo.Value - Truncated.Value);
        for (var i = 0; i < count; i++)
        {
            Bytes -= SizeOf(_entries[i]);
        }

        _entries.RemoveRange(0, count);
        (Truncated, TruncatedTerm) = (upTo, term);
        while (_configurations.Count > 1 && _configurations[1].Index <= upTo)
        {
            _configurations.RemoveAt(0);
        }
    }

    /// <summary>Starts anew behind a snapshot.</summary>
    public void Reset(SnapshotPoint point)
    {
        _entries.Clear();
        Bytes = 0;
        (Truncated, TruncatedTerm) = (point.Index, point.Term);
        _configurations.Clear();
        _configurations.Add((point.Index, point.Configuration));
    }

    /// <summary>Entries from an index on, at most so many and so many bytes, but one at least when there is one.</summary>
    public LogEntry[] Slice(LogIndex from, int entriesMax, long bytesMax)
    {
        Invariant.Holds(from > Truncated);
        var count = 0;
        long bytes = 0;
        for (var i = Offset(from); i < _entries.Count && count < entriesMax; i++)
        {
            bytes += _entries[i].Payload.Length;
            if (count > 0 && bytes > bytesMax)
            {
                break;
            }

            count++;
        }

        return count == 0 ? [] : [.. _entries.GetRange(Offset(from), count)];
    }

    /// <summary>
    /// The last index at or below one given whose term is at or below one given: where two logs may still agree. When nothing that is kept
    /// qualifies, the index before <see cref="Truncated"/>, of which nothing is known.
    /// </summary>
    public LogIndex LastAtOrBelow(LogIndex index, Term term)
    {
        var at = LogIndex.Min(index, LastIndex);
        while (at > Truncated && _entries[Offset(at)].Term > term)
        {
            at = at.Previous;
        }

        return at == Truncated && TruncatedTerm > term ? at.Previous : at;
    }

    /// <summary>The bytes an entry accounts for.</summary>
    public static long SizeOf(in LogEntry entry) => entry.Payload.Length + EntryOverheadBytes;

    /// <summary>The configuration in an entry of that kind.</summary>
    public static Configuration DecodeConfiguration(in LogEntry entry)
    {
        var reader = new CodecReader(entry.Payload.Span);
        var configuration = Configuration.Read(ref reader);
        reader.ExpectEnd("a configuration entry");
        return configuration;
    }

    private int Offset(LogIndex index) => (int)(index.Value - Truncated.Value - 1);
}
