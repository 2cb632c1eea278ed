using System.Collections;
using System.Reflection;
using System.Runtime.InteropServices;
using InvFusion.Metrics.Scores;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

/// <summary>Bytes of all arrays of numbers and all tensors that an object of this product holds, found by walking its fields; but for the plan, which has the networks.</summary>
internal static class StateSize
{
    public static long Of(object root)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        return Count(root, seen);
    }

    private static long Count(object? value, HashSet<object> seen)
    {
        if (value is null or string or Delegate or Type or MetricPlan || value.GetType().IsPrimitive || value.GetType().IsEnum)
            return 0;
        if (!value.GetType().IsValueType && !seen.Add(value))
            return 0;
        return value switch
        {
            Tensor tensor => tensor.numel() * tensor.element_size(),
            Array array when array.GetType().GetElementType() is { IsPrimitive: true } element => array.LongLength
                * Marshal.SizeOf(element),
            IEnumerable items => items.Cast<object?>().Sum(i => Count(i, seen)),
            _ => Fields(value.GetType()).Sum(f => Count(f.GetValue(value), seen)),
        };
    }

    private static IEnumerable<FieldInfo> Fields(Type? type) =>
        type is null || type == typeof(object)
            ? []
            : type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                .Concat(Fields(type.BaseType));
}
