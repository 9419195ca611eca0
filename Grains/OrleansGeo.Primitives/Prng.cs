using System.Numerics;

namespace OrleansGeo.Primitives;

/// <summary>
/// The seeded generator behind every chance in the product: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
/// The same seed gives the same sequence on every platform and in every version. Not for secrets.
/// </summary>
public sealed class Prng
{
    private ulong _s0, _s1, _s2, _s3;

    /// <summary>Makes a generator whose whole sequence follows from the seed.</summary>
    public Prng(ulong seed)
    {
        _s0 = SplitMix(ref seed);
        _s1 = SplitMix(ref seed);
        _s2 = SplitMix(ref seed);
        _s3 = SplitMix(ref seed);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong NextUInt64()
    {
        var result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        var t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A number from 0 up to, not including, the bound. The bound is at least 1.</summary>
    public long Below(long bound)
    {
        Invariant.Holds(bound > 0);
        return (long)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    /// <summary>A number from 0 up to, not including, the bound. The bound is at least 1.</summary>
    public int Below(int bound) => (int)Below((long)bound);

    /// <summary>A number from the first to the last, both included.</summary>
    public long Between(long first, long last) => first + Below(last - first + 1);

    /// <summary>A number from 0 up to, not including, 1.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with the given probability, from 0 to 1.</summary>
    public bool Chance(double probability) => NextDouble() < probability;

    /// <summary>An independent generator that follows from this one's state and a label.</summary>
    public Prng Fork(ulong label) => new(NextUInt64() ^ (label * 0x9E3779B97F4A7C15UL));

    /// <summary>Fills the buffer with random bytes.</summary>
    public void Fill(Span<byte> buffer)
    {
        for (var i = 0; i < buffer.Length; i += 8)
        {
            var bits = NextUInt64();
            for (var j = i; j < buffer.Length && j < i + 8; j++)
            {
                buffer[j] = (byte)bits;
                bits >>= 8;
            }
        }
    }

    /// <summary>Puts the items into a random order, in place.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong SplitMix(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
