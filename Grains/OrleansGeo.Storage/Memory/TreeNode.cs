namespace OrleansGeo.Storage.Memory;

/// <summary>
/// A node of <see cref="OrderedTree"/>: a leaf holds pairs, an inner node holds children. The generation names the only tree handle
/// state that may change it in place; everyone else copies it first.
/// </summary>
internal sealed class TreeNode
{
    internal const int Capacity = 32;

    internal readonly long Generation;

    // Of an inner node, Keys[i] is at or below every key of Children[i] and above every key of Children[i - 1]; Keys[0] is not searched.
    internal readonly byte[][] Keys;
    internal readonly byte[][]? Values;
    internal readonly TreeNode[]? Children;
    internal int Count;
    internal long Bytes;

    private TreeNode(long generation, bool isLeaf)
    {
        Generation = generation;
        Keys = new byte[Capacity][];
        Values = isLeaf ? new byte[Capacity][] : null;
        Children = isLeaf ? null : new TreeNode[Capacity];
    }

    internal static TreeNode NewLeaf(long generation) => new(generation, isLeaf: true);

    internal static TreeNode NewInner(long generation, TreeNode left, TreeNode right)
    {
        var node = new TreeNode(generation, isLeaf: false) { Count = 2, Bytes = left.Bytes + right.Bytes };
        node.Children![0] = left;
        node.Children[1] = right;
        node.Keys[0] = left.Keys[0];
        node.Keys[1] = right.Keys[0];
        return node;
    }

    internal static int PairBytes(byte[] key, byte[] value) => key.Length + value.Length + MemoryDisk.PairOverheadBytes;

    internal TreeNode OwnedBy(long generation)
    {
        if (Generation == generation)
        {
            return this;
        }

        var copy = new TreeNode(generation, Values is not null) { Count = Count, Bytes = Bytes };
        Array.Copy(Keys, copy.Keys, Count);
        if (Values is not null)
        {
            Array.Copy(Values, copy.Values!, Count);
        }
        else
        {
            Array.Copy(Children!, copy.Children!, Count);
        }

        return copy;
    }

    /// <summary>The first slot of a leaf whose key is at or after the given one; <see cref="Count"/> when there is none.</summary>
    internal int LowerBound(ReadOnlySpan<byte> key)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Keys[middle].AsSpan().SequenceCompareTo(key) < 0)
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

    /// <summary>The slot of the child of an inner node in which the key lies.</summary>
    internal int ChildFor(ReadOnlySpan<byte> key)
    {
        int low = 1, high = Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Keys[middle].AsSpan().SequenceCompareTo(key) <= 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    internal void InsertPair(int slot, byte[] key, byte[] value)
    {
        OpenSlot(slot);
        Keys[slot] = key;
        Values![slot] = value;
        Bytes += PairBytes(key, value);
    }

    internal void InsertChild(int slot, TreeNode child)
    {
        OpenSlot(slot);
        Keys[slot] = child.Keys[0];
        Children![slot] = child;
    }

    /// <summary>Closes the gap that removing slots leaves. The caller has accounted for their bytes.</summary>
    internal void RemoveSlots(int start, int count)
    {
        var behind = Count - start - count;
        Array.Copy(Keys, start + count, Keys, start, behind);
        Array.Clear(Keys, Count - count, count);
        var others = (Array?)Values ?? Children!;
        Array.Copy(others, start + count, others, start, behind);
        Array.Clear(others, Count - count, count);
        Count -= count;
    }

    /// <summary>
    /// Moves the upper part of a full node into a new one to its right. A node that is split while keys arrive in ascending order stays
    /// full, so that logs and bulk loads do not leave half-empty nodes behind.
    /// </summary>
    internal TreeNode Split(bool ascending)
    {
        var keep = ascending ? Count - 1 : Count / 2;
        var moved = Count - keep;
        var right = new TreeNode(Generation, Values is not null) { Count = moved };
        Array.Copy(Keys, keep, right.Keys, 0, moved);
        Array.Clear(Keys, keep, moved);
        var (from, to) = Values is not null ? ((Array)Values, (Array)right.Values!) : (Children!, right.Children!);
        Array.Copy(from, keep, to, 0, moved);
        Array.Clear(from, keep, moved);
        Count = keep;
        right.Bytes = right.SumBytes();
        Bytes -= right.Bytes;
        return right;
    }

    private void OpenSlot(int slot)
    {
        Array.Copy(Keys, slot, Keys, slot + 1, Count - slot);
        var others = (Array?)Values ?? Children!;
        Array.Copy(others, slot, others, slot + 1, Count - slot);
        Count++;
    }

    private long SumBytes()
    {
        long sum = 0;
        for (var i = 0; i < Count; i++)
        {
            sum += Values is not null ? PairBytes(Keys[i], Values[i]) : Children![i].Bytes;
        }

        return sum;
    }
}
