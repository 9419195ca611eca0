namespace OrleansGeo.Primitives;

/// <summary>A position in the ordered keyspace: bytes in lexicographic order. Immutable; do not change the array after giving it.</summary>
public readonly struct Key(byte[] bytes) : IEquatable<Key>, IComparable<Key>
{
    private static readonly byte[] s_min = [];
    private static readonly byte[] s_max = [0xFF, 0xFF];
    private readonly byte[]? _bytes = bytes;

    /// <summary>The first key: the empty string.</summary>
    public static Key Min => new(s_min);

    /// <summary>Above every key: no stored key begins with 0xFF 0xFF.</summary>
    public static Key Max => new(s_max);

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Span => _bytes;

    /// <summary>The backing array; not to be changed.</summary>
    public byte[] Array => _bytes ?? s_min;

    /// <summary>Length in bytes.</summary>
    public int Length => _bytes?.Length ?? 0;

    /// <summary>The key right after this one.</summary>
    public Key Successor
    {
        get
        {
            var next = new byte[Length + 1];
            Span.CopyTo(next);
            return new(next);
        }
    }

    /// <summary>The first key after every key that begins with this one.</summary>
    public Key PrefixEnd
    {
        get
        {
            for (var i = Length - 1; i >= 0; i--)
            {
                if (_bytes![i] != 0xFF)
                {
                    var end = Span[..(i + 1)].ToArray();
                    end[i]++;
                    return new(end);
                }
            }

            return Max;
        }
    }

    /// <inheritdoc />
    public int CompareTo(Key other) => Span.SequenceCompareTo(other.Span);

    /// <inheritdoc />
    public bool Equals(Key other) => Span.SequenceEqual(other.Span);

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Key other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Span);
        return hash.ToHashCode();
    }

    /// <summary>Equality of bytes.</summary>
    public static bool operator ==(Key a, Key b) => a.Equals(b);

    /// <summary>Inequality of bytes.</summary>
    public static bool operator !=(Key a, Key b) => !a.Equals(b);

    /// <summary>Lexicographic order.</summary>
    public static bool operator <(Key a, Key b) => a.CompareTo(b) < 0;

    /// <summary>Lexicographic order.</summary>
    public static bool operator >(Key a, Key b) => a.CompareTo(b) > 0;

    /// <summary>Lexicographic order.</summary>
    public static bool operator <=(Key a, Key b) => a.CompareTo(b) <= 0;

    /// <summary>Lexicographic order.</summary>
    public static bool operator >=(Key a, Key b) => a.CompareTo(b) >= 0;

    /// <summary>Lower-case hexadecimal.</summary>
    public override string ToString() => Convert.ToHexStringLower(Span);
}

/// <summary>The keys from <see cref="Start"/> up to, not including, <see cref="End"/>.</summary>
public readonly record struct KeySpan(Key Start, Key End)
{
    /// <summary>The span of exactly one key.</summary>
    public static KeySpan Of(Key key) => new(key, key.Successor);

    /// <summary>True when the span holds no key.</summary>
    public bool IsEmpty => Start >= End;

    /// <summary>True when the key lies in the span.</summary>
    public bool Contains(Key key) => Start <= key && key < End;

    /// <summary>True when every key of the other span lies in this one.</summary>
    public bool Contains(KeySpan other) => other.IsEmpty || (Start <= other.Start && other.End <= End);

    /// <summary>True when some key lies in both.</summary>
    public bool Overlaps(KeySpan other) => !Intersect(other).IsEmpty;

    /// <summary>The keys that lie in both; possibly empty.</summary>
    public KeySpan Intersect(KeySpan other) => new(Start >= other.Start ? Start : other.Start, End <= other.End ? End : other.End);

    /// <inheritdoc />
    public override string ToString() => $"[{Start},{End})";
}
