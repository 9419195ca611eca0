using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>How many native objects of one engine are alive. Finalizers count from their own thread.</summary>
internal sealed class HandleCount
{
    private int _open;

    internal int Open => Volatile.Read(ref _open);

    internal void Add(int count) => Interlocked.Add(ref _open, count);
}

/// <summary>
/// Owns one native object. An object that lives inside another (a snapshot in its database) holds a reference on it, so whatever the order
/// of disposal or of finalizers, the outer one is freed last.
/// </summary>
internal class NativeHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly Action<nint, nint> _release;
    private readonly NativeHandle? _owner;
    private readonly HandleCount _count;

    /// <summary>Takes over the value. The release is called with the owner's value, or zero, and this one's.</summary>
    internal NativeHandle(nint value, Action<nint, nint> release, HandleCount count, NativeHandle? owner = null)
        : base(ownsHandle: true)
    {
        _release = release;
        _count = count;
        if (owner is not null)
        {
            var added = false;
            owner.DangerousAddRef(ref added);
            _owner = owner;
        }

        SetHandle(value);
        count.Add(1);
    }

    /// <summary>The bare value. Whoever uses it keeps this object alive until after the call.</summary>
    internal nint Value => handle;

    protected override bool ReleaseHandle()
    {
        _release(_owner?.handle ?? 0, handle);
        _count.Add(-1);
        _owner?.DangerousRelease();
        return true;
    }
}

/// <summary>Memory outside the managed heap, for bytes that a native object refers to as long as it lives.</summary>
internal sealed unsafe class NativeBytes : NativeHandle
{
    internal NativeBytes(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, HandleCount count)
        : base((nint)NativeMemory.Alloc((nuint)(first.Length + second.Length + 1)),
            static (_, value) => NativeMemory.Free((void*)value), count)
    {
        first.CopyTo(new Span<byte>((void*)handle, first.Length));
        second.CopyTo(new Span<byte>((byte*)handle + first.Length, second.Length));
    }
}
