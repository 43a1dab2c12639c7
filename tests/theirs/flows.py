raise ImportError('flows/ comes first')
