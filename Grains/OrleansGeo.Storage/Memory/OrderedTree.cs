namespace OrleansGeo.Storage.Memory;

/// <summary>
/// An ordered map as a B+tree with structural sharing. Capturing the root is O(1) and freezes everything under it: a later change copies
/// the nodes on its path once, and changes in place whatever no captured root can see. Leaves are freed when empty and not merged before,
/// which costs little space and keeps removal simple (Johnson and Shasha, 1993).
/// Reading a captured root needs no lock, whatever is written meanwhile.
/// </summary>
internal sealed class OrderedTree
{
    private TreeNode _root;
    private long _generation;
    private int _readers;

    internal OrderedTree() => _root = TreeNode.NewLeaf(0);

    // No generation of the other tree equals this one, so every node that both reach is copied before this tree changes it.
    private OrderedTree(OrderedTree other)
    {
        _root = other._root;
        _generation = other._generation + 1;
    }

    internal long Bytes => _root.Bytes;

    internal TreeNode Root => _root;

    /// <summary>A tree of the same content that changes independently. The other one must not be changed any more.</summary>
    internal OrderedTree Fork() => new(this);

    /// <summary>The root of this moment, and the generation to give back to <see cref="Release"/>.</summary>
    internal TreeNode Capture(out long generation)
    {
        _readers++;
        generation = _generation;
        return _root;
    }

    /// <summary>One more reader of a root captured before. After a write it is frozen anyhow.</summary>
    internal void CaptureAgain(long generation)
    {
        if (generation == _generation)
        {
            _readers++;
        }
    }

    /// <summary>
    /// Says that a captured root is no longer read. If nothing was written meanwhile, nothing needs to be copied on its account.
    /// </summary>
    internal void Release(long generation)
    {
        if (generation == _generation)
        {
            _readers--;
        }
    }

    internal static byte[]? Find(TreeNode root, ReadOnlySpan<byte> key)
    {
        var node = root;
        while (node.Children is { } children)
        {
            node = children[node.ChildFor(key)];
        }

        var slot = node.LowerBound(key);
        return slot < node.Count && node.Keys[slot].AsSpan().SequenceEqual(key) ? node.Values![slot] : null;
    }

    /// <summary>Sets a key. Tells the stored key and what was there before, which is all an undo needs.</summary>
    internal byte[] Put(ReadOnlySpan<byte> key, byte[] value, out byte[]? previous)
    {
        Freeze();
        var change = new Change { Value = value };
        _root = Put(_root, key, ref change, out var right);
        if (right is not null)
        {
            _root = TreeNode.NewInner(_generation, _root, right);
        }

        previous = change.Previous;
        return change.StoredKey!;
    }

    /// <summary>Removes the keys from start up to, not including, end, and hands each pair to the list, in no order.</summary>
    internal void RemoveRange(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, List<UndoEntry> removed)
    {
        Freeze();
        var root = RemoveRange(_root, start, end, removed);
        while (root is { Children: { } children, Count: 1 })
        {
            root = children[0];
        }

        _root = root ?? TreeNode.NewLeaf(_generation);
    }

    /// <summary>Removes a key; false when it is absent.</summary>
    internal bool Remove(ReadOnlySpan<byte> key, List<UndoEntry> removed)
    {
        if (Find(_root, key) is null)
        {
            return false;
        }

        Span<byte> successor = key.Length < 256 ? stackalloc byte[key.Length + 1] : new byte[key.Length + 1];
        key.CopyTo(successor);
        successor[^1] = 0;
        RemoveRange(key, successor, removed);
        return true;
    }

    /// <summary>Bytes of pairs below the key.</summary>
    internal static long BytesBelow(TreeNode root, ReadOnlySpan<byte> key)
    {
        long sum = 0;
        var node = root;
        while (node.Children is { } children)
        {
            var slot = node.ChildFor(key);
            for (var i = 0; i < slot; i++)
            {
                sum += children[i].Bytes;
            }

            node = children[slot];
        }

        for (var i = 0; i < node.Count && node.Keys[i].AsSpan().SequenceCompareTo(key) < 0; i++)
        {
            sum += TreeNode.PairBytes(node.Keys[i], node.Values![i]);
        }

        return sum;
    }

    /// <summary>The pair that holds the byte at an offset, when all pairs lie one behind the other in order.</summary>
    internal static UndoEntry PairAt(TreeNode root, long offset)
    {
        var node = root;
        while (node.Children is { } children)
        {
            var slot = 0;
            for (; offset >= children[slot].Bytes; slot++)
            {
                offset -= children[slot].Bytes;
            }

            node = children[slot];
        }

        var i = 0;
        for (; offset >= TreeNode.PairBytes(node.Keys[i], node.Values![i]); i++)
        {
            offset -= TreeNode.PairBytes(node.Keys[i], node.Values[i]);
        }

        return new(node.Keys[i], node.Values[i]);
    }

    private void Freeze()
    {
        if (_readers > 0)
        {
            _generation++;
            _readers = 0;
        }
    }

    private TreeNode Put(TreeNode shared, ReadOnlySpan<byte> key, ref Change change, out TreeNode? right)
    {
        var node = shared.OwnedBy(_generation);
        right = null;
        if (node.Children is { } children)
        {
            var slot = node.ChildFor(key);
            var before = node.Bytes - children[slot].Bytes;
            children[slot] = Put(children[slot], key, ref change, out var sibling);
            node.Bytes = before + children[slot].Bytes + (sibling?.Bytes ?? 0);
            if (sibling is not null)
            {
                InsertOrSplit(node, slot + 1, sibling, out right);
            }

            return node;
        }

        PutIntoLeaf(node, key, ref change, out right);
        return node;
    }

    private static void PutIntoLeaf(TreeNode leaf, ReadOnlySpan<byte> key, ref Change change, out TreeNode? right)
    {
        right = null;
        var slot = leaf.LowerBound(key);
        if (slot < leaf.Count && leaf.Keys[slot].AsSpan().SequenceEqual(key))
        {
            change.StoredKey = leaf.Keys[slot];
            change.Previous = leaf.Values![slot];
            leaf.Values[slot] = change.Value;
            leaf.Bytes += change.Value.Length - change.Previous.Length;
            return;
        }

        change.StoredKey = key.ToArray();
        if (leaf.Count < TreeNode.Capacity)
        {
            leaf.InsertPair(slot, change.StoredKey, change.Value);
            return;
        }

        right = leaf.Split(ascending: slot == leaf.Count);
        var (target, at) = slot > leaf.Count ? (right, slot - leaf.Count) : (leaf, slot);
        target.InsertPair(at, change.StoredKey, change.Value);
    }

    private static void InsertOrSplit(TreeNode node, int slot, TreeNode child, out TreeNode? right)
    {
        right = null;
        if (node.Count < TreeNode.Capacity)
        {
            node.InsertChild(slot, child);
            return;
        }

        // The bytes of the new child are already in the node's sum; they go with the half the child goes to.
        node.Bytes -= child.Bytes;
        right = node.Split(ascending: slot == node.Count);
        var (target, at) = slot > node.Count ? (right, slot - node.Count) : (node, slot);
        target.InsertChild(at, child);
        target.Bytes += child.Bytes;
    }

    private TreeNode? RemoveRange(TreeNode shared, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, List<UndoEntry> removed)
    {
        if (shared.Children is null)
        {
            return RemoveFromLeaf(shared, start, end, removed);
        }

        var node = shared;
        var first = node.ChildFor(start);
        for (var slot = node.ChildFor(end); slot >= first; slot--)
        {
            var child = node.Children![slot];
            var bytesBefore = child.Bytes;
            var left = RemoveRange(child, start, end, removed);
            if (ReferenceEquals(left, child) && left.Bytes == bytesBefore)
            {
                continue;
            }

            node = node.OwnedBy(_generation);
            node.Bytes += (left?.Bytes ?? 0) - bytesBefore;
            if (left is not null)
            {
                node.Children![slot] = left;
            }
            else
            {
                node.RemoveSlots(slot, 1);
            }
        }

        return node.Count == 0 ? null : node;
    }

    private TreeNode? RemoveFromLeaf(TreeNode shared, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, List<UndoEntry> removed)
    {
        var from = shared.LowerBound(start);
        var to = Math.Max(from, shared.LowerBound(end));
        if (from == to)
        {
            return shared.Count == 0 ? null : shared;
        }

        for (var i = from; i < to; i++)
        {
            removed.Add(new(shared.Keys[i], shared.Values![i]));
        }

        if (to - from == shared.Count)
        {
            return null;
        }

        var leaf = shared.OwnedBy(_generation);
        for (var i = from; i < to; i++)
        {
            leaf.Bytes -= TreeNode.PairBytes(leaf.Keys[i], leaf.Values![i]);
        }

        leaf.RemoveSlots(from, to - from);
        return leaf;
    }

    private struct Change
    {
        internal byte[] Value;
        internal byte[]? StoredKey;
        internal byte[]? Previous;
    }
}
