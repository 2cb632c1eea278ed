using System.Runtime.CompilerServices;

namespace InvFusion.Distributed;

/// <summary>ncclUniqueId: 128 bytes that travel by value.</summary>
[InlineArray(Length)]
internal struct NcclId
{
    public const int Length = 128;
    private byte _first;
}
