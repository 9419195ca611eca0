namespace OrleansGeo.Simulation.Checkers;

/// <summary>A set of small numbers that can be put into a compact key.</summary>
internal sealed class BitSet(int count)
{
    private readonly ulong[] _words = new ulong[(count + 63) / 64];

    public bool this[int index] => (_words[index >> 6] >> (index & 63) & 1) != 0;

    public void Set(int index) => _words[index >> 6] |= 1UL << (index & 63);

    public void Clear(int index) => _words[index >> 6] &= ~(1UL << (index & 63));

    /// <summary>A copy that does not change.</summary>
    public ulong[] ToWords() => [.. _words];

    /// <summary>True when every member of the words is one of this set.</summary>
    public bool Includes(ulong[] words)
    {
        for (var i = 0; i < words.Length; i++)
        {
            if ((words[i] & ~_words[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// A key for this set and a state. Most of a search's set is a full beginning and an empty end, so only the words between are kept.
    /// </summary>
    public ulong[] KeyWith(int state)
    {
        var (start, length) = Middle();
        var key = new ulong[1 + length];
        key[0] = ((ulong)(uint)start << 32) | (uint)state;
        _words.AsSpan(start, length).CopyTo(key.AsSpan(1));
        return key;
    }

    private (int Start, int Length) Middle()
    {
        var start = 0;
        while (start < _words.Length && _words[start] == ulong.MaxValue)
        {
            start++;
        }

        var end = _words.Length;
        while (end > start && _words[end - 1] == 0)
        {
            end--;
        }

        return (start, end - start);
    }

    /// <summary>Equality of keys by their words.</summary>
    public sealed class KeyComparer : IEqualityComparer<ulong[]>
    {
        public static readonly KeyComparer Instance = new();

        public bool Equals(ulong[]? x, ulong[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(ulong[] obj)
        {
            var hash = 14695981039346656037UL;
            foreach (var word in obj)
            {
                hash = (hash ^ word) * 0x9E3779B97F4A7C15UL;
                hash ^= hash >> 32;
            }

            return (int)hash;
        }
    }
}
