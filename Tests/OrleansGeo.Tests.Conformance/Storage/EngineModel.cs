using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

public static class EngineModelSeeds
{
    public static TheoryData<int> All => [.. Enumerable.Range(1, 12)];
}

/// <summary>Random operations on an engine and on a sorted dictionary must agree, over reopens, snapshots and cursors.</summary>
public abstract class EngineModel<THarness> : IDisposable
    where THarness : EngineHarness, new()
{
    private readonly THarness _harness = new();
    private readonly SortedDictionary<byte[], byte[]> _model = new(ByteOrder.Instance);
    private readonly List<(IStorageSnapshot Snapshot, KeyValuePair<byte[], byte[]>[] Pairs)> _snapshots = [];
    private readonly WriteBatch _batch = new();
    private IStorageEngine? _engine;

    public void Dispose()
    {
        _engine?.Dispose();
        _harness.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Few keys, so that everything meets everything.</summary>
    [Theory]
    [MemberData(nameof(EngineModelSeeds.All), MemberType = typeof(EngineModelSeeds))]
    public Task Few_keys_agree_with_a_sorted_dictionary(int seed) =>
        RunAsync((ulong)seed, steps: 400, new(FewKeys, BatchMax: 8, RangesPerMille: 30));

    /// <summary>Many keys and large batches, so that trees grow deep and files are many.</summary>
    [Theory]
    [MemberData(nameof(EngineModelSeeds.All), MemberType = typeof(EngineModelSeeds))]
    public Task Many_keys_agree_with_a_sorted_dictionary(int seed) =>
        RunAsync((ulong)seed + 1000, steps: 60, new(ManyKeys, BatchMax: 1500, RangesPerMille: 2));

    private static byte[] FewKeys(Prng prng)
    {
        ReadOnlySpan<byte> alphabet = [0x00, 0x01, 0x7F, 0x80, 0xFE];
        var key = new byte[prng.Below(4)];
        foreach (ref var b in key.AsSpan())
        {
            b = alphabet[prng.Below(alphabet.Length)];
        }

        return key;
    }

    private static byte[] ManyKeys(Prng prng)
    {
        var key = new byte[6];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(2), prng.Below(60_000));
        return key;
    }

    private async Task RunAsync(ulong seed, int steps, Shape shape)
    {
        var key = shape.Key;
        var prng = new Prng(seed);
        _engine = _harness.Open();
        for (var step = 0; step < steps; step++)
        {
            switch (prng.Below(60))
            {
                case 0:
                    Reopen();
                    break;
                case < 6:
                    await _engine.SyncAsync();
                    break;
                case < 9:
                    _snapshots.Add((_engine.OpenSnapshot(EngineAssert.Lowest, EngineAssert.Highest), [.. _model]));
                    break;
                case < 12 when _snapshots.Count > 0:
                    CheckAndDropSnapshot(prng, key);
                    break;
                case < 30:
                    Check(_engine, [.. _model], prng, key);
                    break;
                default:
                    WriteBatch(prng, shape);
                    break;
            }
        }

        Check(_engine, [.. _model], prng, key);
    }

    private void Reopen()
    {
        _snapshots.Clear();
        _engine!.Dispose();
        _engine = _harness.Open();
    }

    private void CheckAndDropSnapshot(Prng prng, Func<Prng, byte[]> key)
    {
        var index = prng.Below(_snapshots.Count);
        var (snapshot, pairs) = _snapshots[index];
        Check(snapshot, pairs, prng, key);
        snapshot.Dispose();
        _snapshots.RemoveAt(index);
    }

    private void WriteBatch(Prng prng, Shape shape)
    {
        _batch.Clear();
        var open = prng.Chance(0.3) ? _engine!.OpenCursor(EngineAssert.Lowest, EngineAssert.Highest) : null;
        KeyValuePair<byte[], byte[]>[] before = open is null ? [] : [.. _model];
        for (var i = prng.Below(shape.BatchMax); i >= 0; i--)
        {
            AddOperation(prng, shape);
        }

        _engine!.Write(_batch);
        if (open is not null)
        {
            CheckScan(open, before);
            open.Dispose();
        }
    }

    private void AddOperation(Prng prng, Shape shape)
    {
        var first = shape.Key(prng);
        var kind = prng.Below(1000);
        if (kind < 700)
        {
            var value = new byte[prng.Below(40)];
            prng.Fill(value);
            _batch.Put(first, value);
            _model[first] = value;
        }
        else if (kind < 1000 - shape.RangesPerMille)
        {
            _batch.Delete(first);
            _model.Remove(first);
        }
        else
        {
            var second = shape.Key(prng);
            _batch.DeleteRange(first, second);
            foreach (var gone in _model.Keys.Where(k => Compare(k, first) >= 0 && Compare(k, second) < 0).ToList())
            {
                _model.Remove(gone);
            }
        }
    }

    private static void Check(IOrderedReader reader, KeyValuePair<byte[], byte[]>[] pairs, Prng prng, Func<Prng, byte[]> key)
    {
        using (var all = reader.OpenCursor(EngineAssert.Lowest, EngineAssert.Highest))
        {
            CheckScan(all, pairs);
        }

        for (var i = 0; i < 20; i++)
        {
            var wanted = key(prng);
            var at = Array.FindIndex(pairs, pair => Compare(pair.Key, wanted) == 0);
            Assert.Equal(at >= 0, reader.TryGet(wanted, out var value));
            Assert.Equal(at >= 0 ? pairs[at].Value : [], value);
        }

        CheckWalk(reader, pairs, prng, key);
    }

    private static void CheckScan(IOrderedCursor cursor, KeyValuePair<byte[], byte[]>[] pairs)
    {
        var i = 0;
        for (var more = cursor.SeekAtOrAfter(EngineAssert.Lowest); more; more = cursor.MoveNext())
        {
            AssertAt(cursor, pairs, i++);
        }

        Assert.Equal(pairs.Length, i);
        for (var more = cursor.SeekBefore(EngineAssert.Highest); more; more = cursor.MovePrevious())
        {
            AssertAt(cursor, pairs, --i);
        }

        Assert.Equal(0, i);
    }

    // A random walk between random bounds. The model's cursor is an index into the pairs; -1 is nowhere.
    private static void CheckWalk(IOrderedReader reader, KeyValuePair<byte[], byte[]>[] pairs, Prng prng, Func<Prng, byte[]> key)
    {
        var (start, end) = (key(prng), key(prng));
        pairs = [.. pairs.Where(pair => Compare(pair.Key, start) >= 0 && Compare(pair.Key, end) < 0)];
        using var cursor = reader.OpenCursor(start, end);
        var at = -1;
        for (var i = 0; i < 60; i++)
        {
            var target = key(prng);
            var (moved, next) = prng.Below(6) switch
            {
                0 => (cursor.SeekAtOrAfter(target), Array.FindIndex(pairs, pair => Compare(pair.Key, target) >= 0)),
                1 => (cursor.SeekBefore(target), Array.FindLastIndex(pairs, pair => Compare(pair.Key, target) < 0)),
                2 or 3 => (cursor.MoveNext(), at >= 0 && at + 1 < pairs.Length ? at + 1 : -1),
                _ => (cursor.MovePrevious(), at > 0 ? at - 1 : -1),
            };
            at = next;
            Assert.Equal(at >= 0, moved);
            Assert.Equal(at >= 0, cursor.IsValid);
            if (at >= 0)
            {
                AssertAt(cursor, pairs, at);
            }
        }
    }

    private static void AssertAt(IOrderedCursor cursor, KeyValuePair<byte[], byte[]>[] pairs, int index)
    {
        Assert.InRange(index, 0, pairs.Length - 1);
        if (!cursor.Key.SequenceEqual(pairs[index].Key) || !cursor.Value.SequenceEqual(pairs[index].Value))
        {
            Assert.Fail(
                $"at {index}: {Convert.ToHexString(cursor.Key)} instead of {Convert.ToHexString(pairs[index].Key)}, or another value");
        }
    }

    private static int Compare(byte[] a, byte[] b) => a.AsSpan().SequenceCompareTo(b);

    /// <summary>What the random operations look like.</summary>
    private sealed record Shape(Func<Prng, byte[]> Key, int BatchMax, int RangesPerMille);

    private sealed class ByteOrder : IComparer<byte[]>
    {
        internal static readonly ByteOrder Instance = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}

public sealed class MemoryEngineModel : EngineModel<MemoryHarness>;

public sealed class RocksDbEngineModel : EngineModel<RocksDbHarness>;

public sealed class RocksDbLogsEngineModel : EngineModel<RocksDbLogsHarness>;

public sealed class RocksDbShortLogsEngineModel : EngineModel<RocksDbShortLogsHarness>;
