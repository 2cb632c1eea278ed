# Real Python pickles with the references that torch writes: modules of torch's names whose objects reduce as torch's do.
import collections, io, pickle, sys, types
def mod(n):
    m=types.ModuleType(n); sys.modules[n]=m; return m
torch=mod('torch'); utils=mod('torch._utils'); tnn=mod('torch.nn.modules.linear'); mod('torch.nn'); mod('torch.nn.modules')
def _rebuild_tensor_v2(*a): pass
def _rebuild_parameter(*a): pass
for f in (_rebuild_tensor_v2,_rebuild_parameter):
    f.__module__='torch._utils'; setattr(utils,f.__name__,f)
class FloatStorage: pass
class HalfStorage: pass
class LongStorage: pass
for c in (FloatStorage,HalfStorage,LongStorage): c.__module__='torch'; setattr(torch,c.__name__,c)
class Size(tuple):
    def __reduce__(self): return (Size,(tuple(self),))
Size.__module__='torch'; torch.Size=Size
class Storage:
    def __init__(s,t,key,n): s.t,s.key,s.n=t,key,n
class Tensor:
    def __init__(s,st,off,size,stride): s.a=(st,off,size,stride,False,collections.OrderedDict())
    def __reduce_ex__(s,p): return (_rebuild_tensor_v2,s.a)
class Parameter:
    def __init__(s,t): s.t=t
    def __reduce_ex__(s,p): return (_rebuild_parameter,(s.t,True,collections.OrderedDict()))
class Linear: pass
Linear.__module__='torch.nn.modules.linear'; tnn.Linear=Linear
Linear.__qualname__='Linear'
f0=Storage(FloatStorage,'0',6); h1=Storage(HalfStorage,'1',2); l2=Storage(LongStorage,'2',1)
def module(params,bufs,mods,nonp=()):
    m=Linear(); m.__dict__.update(training=True,_parameters=params,_buffers=bufs,_non_persistent_buffers_set=set(nonp),_modules=mods); return m
w=Tensor(f0,0,(2,3),(3,1)); t=Tensor(f0,0,(3,2),(1,3)); b=Tensor(h1,0,(2,),(1,)); n=Tensor(l2,0,(),())
inner=module({'weight':Parameter(w),'bias':None},{'steps':n,'cache':b},{}, ['cache'])
ema=module({},{},collections.OrderedDict(layer=inner))
sd=collections.OrderedDict([('w',w),('w.T',t),('half',b),('count',n)])
root={'ema':ema,'net':sd,'step':123456,'big':2**70,'neg':-5,'lr':0.5,'none':None,'flag':True,'name':'größe','shape':Size((2,3)),'betas':(0.9,0.999),'list':[1,[2,3]],'bytes':b'\x00\xff','opt':{'state':{0:{'exp_avg':w}}}}
class P(pickle.Pickler):
    def persistent_id(self,o):
        if isinstance(o,Storage): return ('storage',o.t,o.key,'cuda:0',o.n)
for p in (2,3,4,5):
    s=io.BytesIO(); P(s,protocol=p).dump(root)
    with open(f"protocol{p}.pkl", "wb") as f:
        f.write(s.getvalue())
