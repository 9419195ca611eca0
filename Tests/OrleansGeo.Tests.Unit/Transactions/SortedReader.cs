using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>An ordered reader over a sorted dictionary that counts what cursors do.</summary>
internal sealed class SortedReader : IOrderedReader
{
    private readonly SortedDictionary<Key, byte[]> _pairs = [];

    public int Seeks { get; private set; }

    public int Steps { get; private set; }

    public IEnumerable<byte[]> Keys => _pairs.Keys.Select(key => key.Array);

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _pairs[new(key.ToArray())] = value.ToArray();

    public void Delete(byte[] key) => Assert.True(_pairs.Remove(new(key)));

    public bool TryGet(ReadOnlySpan<byte> key, out byte[] value) => _pairs.TryGetValue(new(key.ToArray()), out value!);

    public IOrderedCursor OpenCursor(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end)
    {
        var span = new KeySpan(new(start.ToArray()), new(end.ToArray()));
        return new Cursor(this, _pairs.Where(pair => span.Contains(pair.Key)).Select(pair => (pair.Key, pair.Value)).ToArray());
    }

    private sealed class Cursor(SortedReader owner, (Key Key, byte[] Value)[] pairs) : IOrderedCursor
    {
        private int _at = -1;

        public bool IsValid => _at >= 0 && _at < pairs.Length;

        public ReadOnlySpan<byte> Key => pairs[_at].Key.Span;

        public ReadOnlySpan<byte> Value => pairs[_at].Value;

        public bool SeekAtOrAfter(ReadOnlySpan<byte> key)
        {
            owner.Seeks++;
            _at = CountBelow(key);
            return IsValid;
        }

        public bool SeekBefore(ReadOnlySpan<byte> key)
        {
            owner.Seeks++;
            _at = CountBelow(key) - 1;
            return IsValid;
        }

        public bool MoveNext()
        {
            owner.Steps++;
            Assert.True(IsValid);
            _at++;
            return IsValid;
        }

        public bool MovePrevious()
        {
            owner.Steps++;
            Assert.True(IsValid);
            _at--;
            return IsValid;
        }

        public void Dispose()
        {
        }

        private int CountBelow(ReadOnlySpan<byte> key)
        {
            var (low, high) = (0, pairs.Length);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (pairs[middle].Key.Span.SequenceCompareTo(key) < 0)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }
    }
}

/// <summary>Random keys and spans of few distinct bytes, the ones that escaping treats specially among them.</summary>
internal static class Draw
{
    private static readonly byte[] s_bytes = [0x00, 0x01, 0x02, 0x61, 0xFE, 0xFF];

    public static Key Key(Prng chance, int lengthMax = 3)
    {
        var bytes = new byte[chance.Below(lengthMax + 1)];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = s_bytes[chance.Below(s_bytes.Length)];
        }

        var key = new Key(bytes);
        return key < OrleansGeo.Primitives.Key.Max ? key : Key(chance, lengthMax);
    }

    public static KeySpan Span(Prng chance, int lengthMax = 3)
    {
        var (a, b) = (Key(chance, lengthMax), chance.Chance(0.1) ? OrleansGeo.Primitives.Key.Max : Key(chance, lengthMax));
        return a <= b ? new(a, b) : new(b, a);
    }

    public static HlcTimestamp Timestamp(Prng chance, int max) => new((ulong)chance.Between(1, max));
}
