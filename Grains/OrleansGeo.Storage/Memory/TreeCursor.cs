namespace OrleansGeo.Storage.Memory;

/// <summary>A position in a captured root, kept as the path from the root, because shared leaves cannot link to their neighbours.</summary>
internal sealed class TreeCursor
{
    private readonly TreeNode _root;
    private readonly TreeNode[] _path;
    private readonly int[] _slots;
    private int _depth;
    private TreeNode? _leaf;
    private int _slot;

    internal TreeCursor(TreeNode root)
    {
        _root = root;
        var depth = 0;
        for (var node = root; node.Children is { } children; node = children[0])
        {
            depth++;
        }

        _path = depth == 0 ? [] : new TreeNode[depth];
        _slots = depth == 0 ? [] : new int[depth];
    }

    internal byte[] Key => _leaf!.Keys[_slot];

    internal byte[] Value => _leaf!.Values![_slot];

    internal bool SeekAtOrAfter(ReadOnlySpan<byte> key)
    {
        Descend(key);
        return _slot < _leaf!.Count || Climb(+1);
    }

    internal bool SeekBefore(ReadOnlySpan<byte> key)
    {
        Descend(key);
        _slot--;
        return _slot >= 0 || Climb(-1);
    }

    internal bool MoveNext()
    {
        _slot++;
        return _slot < _leaf!.Count || Climb(+1);
    }

    internal bool MovePrevious()
    {
        _slot--;
        return _slot >= 0 || Climb(-1);
    }

    private void Descend(ReadOnlySpan<byte> key)
    {
        var node = _root;
        _depth = 0;
        while (node.Children is { } children)
        {
            var slot = node.ChildFor(key);
            _path[_depth] = node;
            _slots[_depth++] = slot;
            node = children[slot];
        }

        _leaf = node;
        _slot = node.LowerBound(key);
    }

    // Up to the nearest node that has another child in the direction, then down along its near edge.
    private bool Climb(int direction)
    {
        var level = _depth - 1;
        while (level >= 0 && (uint)(_slots[level] + direction) >= (uint)_path[level].Count)
        {
            level--;
        }

        if (level < 0)
        {
            return false;
        }

        _slots[level] += direction;
        var node = _path[level].Children![_slots[level]];
        while (node.Children is { } children)
        {
            level++;
            _path[level] = node;
            _slots[level] = direction > 0 ? 0 : node.Count - 1;
            node = children[_slots[level]];
        }

        _leaf = node;
        _slot = direction > 0 ? 0 : node.Count - 1;
        return true;
    }
}
