namespace OrleansGeo.Primitives;

/// <summary>A node of the cluster: one process with one storage engine. Given once, by the system range; never reused.</summary>
public readonly record struct NodeId(int Value) : IComparable<NodeId>
{
    /// <summary>No node.</summary>
    public static NodeId None => default;

    /// <summary>True for a real node; node ids start at 1.</summary>
    public bool IsSome => Value > 0;

    /// <inheritdoc />
    public int CompareTo(NodeId other) => Value.CompareTo(other.Value);

    /// <inheritdoc />
    public override string ToString() => "n" + Value;
}

/// <summary>A range: a contiguous span of the ordered keyspace. Given once, by the system range; never reused.</summary>
public readonly record struct RangeId(long Value) : IComparable<RangeId>
{
    /// <inheritdoc />
    public int CompareTo(RangeId other) => Value.CompareTo(other.Value);

    /// <inheritdoc />
    public override string ToString() => "r" + Value;
}

/// <summary>A consensus term (Raft §5.1). Zero is before the first election.</summary>
public readonly record struct Term(long Value) : IComparable<Term>
{
    /// <summary>The term after this one.</summary>
    public Term Next => new(Value + 1);

    /// <inheritdoc />
    public int CompareTo(Term other) => Value.CompareTo(other.Value);

    /// <summary>Order by value.</summary>
    public static bool operator <(Term a, Term b) => a.Value < b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator >(Term a, Term b) => a.Value > b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator <=(Term a, Term b) => a.Value <= b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator >=(Term a, Term b) => a.Value >= b.Value;

    /// <inheritdoc />
    public override string ToString() => "t" + Value;
}

/// <summary>A position in a range's log. The first entry has index 1.</summary>
public readonly record struct LogIndex(long Value) : IComparable<LogIndex>
{
    /// <summary>The index after this one.</summary>
    public LogIndex Next => new(Value + 1);

    /// <summary>The index before this one.</summary>
    public LogIndex Previous => new(Value - 1);

    /// <inheritdoc />
    public int CompareTo(LogIndex other) => Value.CompareTo(other.Value);

    /// <summary>The larger of two.</summary>
    public static LogIndex Max(LogIndex a, LogIndex b) => a.Value >= b.Value ? a : b;

    /// <summary>The smaller of two.</summary>
    public static LogIndex Min(LogIndex a, LogIndex b) => a.Value <= b.Value ? a : b;

    /// <summary>Order by value.</summary>
    public static bool operator <(LogIndex a, LogIndex b) => a.Value < b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator >(LogIndex a, LogIndex b) => a.Value > b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator <=(LogIndex a, LogIndex b) => a.Value <= b.Value;

    /// <summary>Order by value.</summary>
    public static bool operator >=(LogIndex a, LogIndex b) => a.Value >= b.Value;

    /// <inheritdoc />
    public override string ToString() => "i" + Value;
}

/// <summary>One start of one node. Raised and made durable before the node sends its first message.</summary>
public readonly record struct Incarnation(long Value) : IComparable<Incarnation>
{
    /// <inheritdoc />
    public int CompareTo(Incarnation other) => Value.CompareTo(other.Value);
}

/// <summary>
/// An unbroken period of one node's support for another, counted by the supporter. Raised, durably, whenever support lapses or the
/// supported node's incarnation changes, so a promise tied to an older epoch is worthless.
/// </summary>
public readonly record struct SupportEpoch(long Value) : IComparable<SupportEpoch>
{
    /// <summary>The epoch after this one.</summary>
    public SupportEpoch Next => new(Value + 1);

    /// <inheritdoc />
    public int CompareTo(SupportEpoch other) => Value.CompareTo(other.Value);

    /// <inheritdoc />
    public override string ToString() => "e" + Value;
}

/// <summary>
/// A reading of one node's own monotonic clock, in microseconds, suspended time included. Readings of different nodes or different
/// incarnations are never compared; only their differences on one node mean anything.
/// </summary>
public readonly record struct MonoTime(long Micros) : IComparable<MonoTime>
{
    /// <summary>Earlier than every reading.</summary>
    public static MonoTime Never => new(long.MinValue / 2);

    /// <summary>Later than every reading.</summary>
    public static MonoTime Forever => new(long.MaxValue / 2);

    /// <summary>This reading moved by a number of microseconds.</summary>
    public MonoTime AddMicros(long micros) => new(Micros + micros);

    /// <summary>Microseconds from an earlier reading of the same clock to this one.</summary>
    public long MicrosSince(MonoTime earlier) => Micros - earlier.Micros;

    /// <summary>The earlier of two readings.</summary>
    public static MonoTime Min(MonoTime a, MonoTime b) => a.Micros <= b.Micros ? a : b;

    /// <summary>The later of two readings.</summary>
    public static MonoTime Max(MonoTime a, MonoTime b) => a.Micros >= b.Micros ? a : b;

    /// <inheritdoc />
    public int CompareTo(MonoTime other) => Micros.CompareTo(other.Micros);

    /// <summary>Order by reading.</summary>
    public static bool operator <(MonoTime a, MonoTime b) => a.Micros < b.Micros;

    /// <summary>Order by reading.</summary>
    public static bool operator >(MonoTime a, MonoTime b) => a.Micros > b.Micros;

    /// <summary>Order by reading.</summary>
    public static bool operator <=(MonoTime a, MonoTime b) => a.Micros <= b.Micros;

    /// <summary>Order by reading.</summary>
    public static bool operator >=(MonoTime a, MonoTime b) => a.Micros >= b.Micros;
}
